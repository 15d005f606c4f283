#include "fovea/serve/http.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <httplib.h>
#include <system_error>
#include <thread>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/serve/connection.h"

namespace fovea::serve {

namespace {

using Handled = httplib::Server::HandlerResponse;

constexpr size_t longest_head = 32 << 10, longest_target = 1 << 10;

// The library would split forms and unpack bodies itself, and cut and pack what we answer, all
// without limits: it does not get to see the headers that ask for it.
constexpr const char* kept_type = "Fovea-Content-Type";
void hide_headers(httplib::Request& request) {
  const std::string type = request.get_header_value("Content-Type");
  for (const char* name : {kept_type, "Content-Type", "Accept-Encoding"})
    request.headers.erase(name);
  if (!type.empty()) request.headers.emplace(kept_type, type);
  request.ranges.clear();
}

HttpRequest request_of(const httplib::Request& from, std::string body) {
  HttpRequest r{
      .method = from.method,
      .path = from.path,
      .query = {},
      .content_type = from.get_header_value(kept_type),
      .body = std::move(body)};
  for (const auto& [name, value] : from.params) r.query.emplace(name, value);
  return r;
}

void put(const HttpReply& from, httplib::Response& to) {
  to.status = from.status;
  to.set_content(from.body, from.content_type);
  for (const auto& [name, value] : from.headers) to.set_header(name, value);
}

// What the library reads from and writes to.
class Stream : public httplib::Stream {
 public:
  explicit Stream(Connection& connection) : connection_(connection) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* to, size_t size) override { return connection_.read(to, size); }
  ssize_t write(const char* from, size_t size) override { return connection_.write(from, size); }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return connection_.socket(); }

 private:
  Connection& connection_;
};

// Why the address cannot be listened on, and what helps.
std::string advice(int error, const HttpOptions& o) {
  const std::string what = error ? std::generic_category().message(error) : "no such address";
  switch (error) {
    case EADDRINUSE:
      return fmt::format(
          "another program listens there already; stop it, or choose a port: --port {}, or "
          "--port 0 for a free one",
          o.port + 1);
    case EACCES:
      return "only root may listen on ports below 1024; choose another: --port 8080";
    default:
      return fmt::format(
          "cannot be listened on ({}); --host takes an address of this machine, such as 127.0.0.1, "
          "or 0.0.0.0 for all",
          what);
  }
}

}  // namespace

class HttpServer::Impl : public httplib::Server {
 public:
  Impl(const HttpOptions& o, HttpServer::Handler handler) : o_(o), handler_(std::move(handler)) {
    new_task_queue = [this] {
      return new httplib::ThreadPool(size_t(std::max(o_.connections, 1)));
    };
    // Not SO_REUSEPORT, the library's choice: with it two servers share a port without a word.
    set_socket_options([](int socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    set_tcp_nodelay(true);
    set_default_headers({{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-store"}});
    set_payload_max_length(o_.body_limit);
    set_expect_100_continue_handler([this](const httplib::Request& q, httplib::Response& r) {
      return refused(q, r) ? r.status : 100;
    });
    set_pre_routing_handler([this](const httplib::Request& q, httplib::Response& r) {
      if (refused(q, r)) return Handled::Handled;
      if (q.method == "POST" && has_body(q)) return Handled::Unhandled;  // and then read() below
      put(handler_(request_of(q, "")), r);
      return Handled::Handled;
    });
    Post(R"([\s\S]*)", [this](const auto& q, auto& r, const auto& reader) { read(q, r, reader); });
    set_error_handler(httplib::Server::Handler([this](const auto& q, auto& r) {
      if (r.body.empty())
        refuse(q, r, r.status, "expected an HTTP/1.1 request with a head of at most 32 KiB");
    }));
    begin();
  }

  ~Impl() override { end(); }

  int port() const { return port_; }

  void end() {
    ending_ = true;
    stop();
    if (listener_.joinable()) listener_.join();
  }

 private:
  static bool has_body(const httplib::Request& q) {
    return q.has_header("Content-Length") || q.has_header("Transfer-Encoding");
  }

  void begin() {
    errno = 0;
    port_ = o_.port == 0                     ? bind_to_any_port(o_.host)
            : bind_to_port(o_.host, o_.port) ? o_.port
                                             : -1;
    if (port_ < 0) throw IoError(fmt::format("{}:{}", o_.host, o_.port), advice(errno, o_));
    // Again, for a longer row than the library's five: who finds it full waits for a second.
    ::listen(svr_sock_, SOMAXCONN);
    listener_ = std::thread([this] {
      listen_after_bind();
      ended_ = true;
    });
    // stop() does nothing before the library is running.
    while (!is_running() && !ended_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  void refuse(
      const httplib::Request& q, httplib::Response& r, int status, const std::string& message) {
    put(error_reply(status, message), r);
    if (o_.refused) o_.refused(q.path, status);
  }

  void refuse_size(const httplib::Request& q, httplib::Response& r) {
    refuse(
        q,
        r,
        413,
        fmt::format(
            "expected at most {:.4g} MB, got more; send a smaller picture",
            double(o_.body_limit) / (1 << 20)));
  }

  // Whether the head alone says that the request will not be read; `r` then says why.
  bool refused(const httplib::Request& q, httplib::Response& r) {
    if (q.target.size() > longest_target) return refuse(q, r, 414, "the path is too long"), true;
    const std::string encoding = lower(q.get_header_value("Content-Encoding"));
    if (!encoding.empty() && encoding != "identity")
      return refuse(q, r, 415, "expected a body that is not compressed, got " + encoding), true;
    if (q.has_header("Transfer-Encoding")) {
      if (lower(q.get_header_value("Transfer-Encoding")) != "chunked")
        return refuse(q, r, 501, "expected the transfer encoding chunked, or none"), true;
    } else if (q.has_header("Content-Length")) {
      const std::string text = q.get_header_value("Content-Length");
      uint64_t length = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
      if (error == std::errc::result_out_of_range) return refuse_size(q, r), true;
      if (error != std::errc() || end != text.data() + text.size())
        return refuse(q, r, 400, "expected a number as Content-Length"), true;
      if (length > o_.body_limit) return refuse_size(q, r), true;
    }
    return false;
  }

  void read(const httplib::Request& q, httplib::Response& r, const httplib::ContentReader& reader) {
    struct Held {
      std::atomic<size_t>& all;
      size_t bytes = 0;
      ~Held() { all -= bytes; }
    } held{held_};
    enum { usual, large, busy } end = usual;
    std::string body;
    const bool whole = reader([&](const char* data, size_t n) {
      if (body.size() + n > o_.body_limit) return end = large, false;
      held.bytes += n;
      if ((held_ += n) > o_.bodies_limit) return end = busy, false;
      body.append(data, n);
      return true;
    });
    if (end == large) {
      refuse_size(q, r);
    } else if (end == busy) {
      refuse(q, r, 503, "too many large requests at once; try again in a moment");
      r.set_header("Retry-After", "1");
    } else if (!whole) {
      refuse(q, r, 400, "the body ended before all of it had come, or came too slowly");
    } else {
      put(handler_(request_of(q, std::move(body))), r);
    }
  }

  bool process_and_close_socket(int socket) override {
    Connection connection(socket, longest_head, o_.read_seconds, ending_);
    try {
      Stream stream(connection);
      bool closed = false;
      process_request(stream, true, closed, [&](httplib::Request& request) {
        hide_headers(request);
        connection.allow(2 * o_.body_limit + longest_head);  // chunks have heads of their own
      });
      connection.finish();
    } catch (...) {  // out of memory: this connection ends, the others go on
    }
    return true;
  }

  const HttpOptions o_;
  const HttpServer::Handler handler_;
  std::atomic<size_t> held_{0};  // bytes of bodies
  std::atomic<bool> ending_{false}, ended_{false};
  int port_ = -1;
  std::thread listener_;
};

HttpServer::HttpServer(const HttpOptions& o, Handler handler)
    : impl_(std::make_unique<Impl>(o, std::move(handler))) {}
HttpServer::~HttpServer() = default;

int HttpServer::port() const { return impl_->port(); }
bool HttpServer::running() const { return impl_->is_running(); }
void HttpServer::stop() { impl_->end(); }

}  // namespace fovea::serve
