#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace fovea::serve {

struct HttpRequest {
  std::string method, path;                  // "POST", "/predict"
  std::map<std::string, std::string> query;  // {"top", "5"}
  std::string content_type;
  std::string body;
};

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  std::map<std::string, std::string> headers = {};
};

struct HttpOptions {
  std::string host = "127.0.0.1";
  int port = 8080;                               // 0: a free one
  int connections = 96;                          // answered at once; others wait
  size_t body_limit = size_t(32) << 20;          // bytes of a request's body
  size_t bodies_limit = size_t(8) * body_limit;  // of all that are held at once
  double read_seconds = 30;                      // for a whole request to come in
  // Hears of what was refused before it came to the handler.
  std::function<void(const std::string& path, int status)> refused = {};
};

// {"error": message} with a status.
HttpReply error_reply(int status, const std::string& message);

// Answers HTTP/1.1, one request on each connection. What a request can take is limited: its head to
// 32 KiB, its body, and its time; compressed bodies are refused, since they have no size before
// they are read.
class HttpServer {
 public:
  // Called from many threads at once, with a request that is whole. Must not throw.
  using Handler = std::function<HttpReply(const HttpRequest&)>;

  // Listens from now on. Throws IoError where the host and port cannot be listened on.
  HttpServer(const HttpOptions& o, Handler handler);
  ~HttpServer();

  int port() const;
  bool running() const;  // false after stop(), and where the system took the socket away
  void stop();           // no new requests; returns when those under way have their answers

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fovea::serve
