#include "fovea/serve/server.h"

namespace fovea::serve {

namespace {

// Enough for all that may wait or run, and some to be told that there is no room.
HttpOptions http_options(const ServerOptions& o, Service& service) {
  const BatcherOptions& b = o.service.batches;
  return {
      .host = o.host,
      .port = o.port,
      .connections = b.queue + b.workers * b.batch + 16,
      .body_limit = o.body_limit,
      .refused = [&service](const std::string& path, int status) { service.count(path, status); }};
}

}  // namespace

Server::Server(const models::Model& model, const ServerOptions& o)
    : service_(model, o.service), http_(http_options(o, service_), [this](const HttpRequest& r) {
        return service_.answer(r);
      }) {}

void Server::stop() {
  service_.hurry();
  http_.stop();
}

}  // namespace fovea::serve
