#pragma once

#include "fovea/serve/http.h"
#include "fovea/serve/service.h"

namespace fovea::serve {

struct ServerOptions {
  ServiceOptions service = {};
  std::string host = "127.0.0.1";
  int port = 8080;                       // 0: a free one
  size_t body_limit = size_t(32) << 20;  // bytes of a request
};

// A service on a port, from its making until stop() or its end.
class Server {
 public:
  // The model must outlive this. Errors as those of Service and HttpServer.
  Server(const models::Model& model, const ServerOptions& o);
  ~Server() { stop(); }

  int port() const { return http_.port(); }
  bool running() const { return http_.running(); }
  void stop();  // no new requests; returns when those under way have their answers
  uint64_t predictions() const { return service_.predictions(); }

 private:
  Service service_;
  HttpServer http_;  // ends before the service that it asks
};

}  // namespace fovea::serve
