#include "fovea/serve/http.h"

#include <stdexcept>

namespace fovea::serve {

class HttpServer::Impl {};

HttpServer::HttpServer(const HttpOptions&, Handler) {
  throw std::runtime_error(
      "this build of fovea has no server: it was made with FOVEA_SERVE=OFF; build it with "
      "libcpp-httplib-dev for one");
}
HttpServer::~HttpServer() = default;

int HttpServer::port() const { return -1; }
bool HttpServer::running() const { return false; }
void HttpServer::stop() {}

}  // namespace fovea::serve
