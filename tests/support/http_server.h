#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

// A small HTTP server on this machine, that can behave badly. It serves one connection at a time,
// and one request on each.
namespace fovea::test {

struct ServerRequest {
  std::string method, path;
  std::map<std::string, std::string> headers;  // by name in small letters

  std::string header(const std::string& name) const {
    auto it = headers.find(name);
    return it == headers.end() ? "" : it->second;
  }
};

struct ServerReply {
  int status = 200;
  std::map<std::string, std::string> headers = {};
  std::string body = "";
  std::optional<size_t> cut = {};  // close the connection after so many bytes of the body
};

class HttpServer {
 public:
  using Handler = std::function<ServerReply(const ServerRequest&)>;

  explicit HttpServer(Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  const std::string& url() const { return url_; }  // "http://127.0.0.1:40000"

  // What was asked so far: all, or what one method asked of paths with `part`.
  std::vector<ServerRequest> seen() const;
  std::vector<ServerRequest> seen(const std::string& method, const std::string& part) const;

 private:
  void serve();
  void answer(int connection);

  Handler handler_;
  std::string url_;
  int listener_ = -1, stop_[2] = {-1, -1};
  mutable std::mutex mutex_;
  std::vector<ServerRequest> seen_;
  std::thread thread_;
};

}  // namespace fovea::test
