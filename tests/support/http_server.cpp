#include "tests/support/http_server.h"

#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "fovea/core/text.h"

namespace fovea::test {

namespace {

std::string read_head(int connection) {
  std::string head;
  std::array<char, 4096> buffer{};
  while (head.find("\r\n\r\n") == head.npos) {
    const ssize_t n = ::recv(connection, buffer.data(), buffer.size(), 0);
    if (n <= 0) return "";
    head.append(buffer.data(), size_t(n));
  }
  return head;
}

ServerRequest parse(const std::string& head) {
  ServerRequest r;
  const size_t first = head.find(' '), second = head.find(' ', first + 1);
  r.method = head.substr(0, first);
  r.path = head.substr(first + 1, second - first - 1);
  for (size_t at = head.find("\r\n") + 2; at < head.size();) {
    const size_t end = head.find("\r\n", at), colon = head.find(": ", at);
    if (end == head.npos || colon > end) break;
    r.headers[lower(head.substr(at, colon - at))] = head.substr(colon + 2, end - colon - 2);
    at = end + 2;
  }
  return r;
}

void send_all(int connection, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::send(connection, text.data(), text.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    text.remove_prefix(size_t(n));
  }
}

}  // namespace

HttpServer::HttpServer(Handler handler) : handler_(std::move(handler)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, any, size) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, any, &size) != 0 || ::pipe(stop_) != 0)
    throw std::runtime_error("the test's server cannot listen");
  url_ = fmt::format("http://127.0.0.1:{}", ntohs(address.sin_port));
  thread_ = std::thread([this] { serve(); });
}

HttpServer::~HttpServer() {
  (void)!::write(stop_[1], "x", 1);
  thread_.join();
  for (int fd : {listener_, stop_[0], stop_[1]}) ::close(fd);
}

void HttpServer::serve() {
  for (;;) {
    std::array<pollfd, 2> wait{{{listener_, POLLIN, 0}, {stop_[0], POLLIN, 0}}};
    ::poll(wait.data(), wait.size(), -1);
    if (wait[1].revents) return;
    const int connection = ::accept(listener_, nullptr, nullptr);
    if (connection < 0) continue;
    answer(connection);
    ::close(connection);
  }
}

void HttpServer::answer(int connection) {
  const std::string head = read_head(connection);
  if (head.empty()) return;
  const ServerRequest request = parse(head);
  {
    const std::scoped_lock lock(mutex_);
    seen_.push_back(request);
  }
  const ServerReply reply = handler_(request);
  std::string text = fmt::format(
      "HTTP/1.1 {} Test\r\nConnection: close\r\nContent-Length: {}\r\n",
      reply.status,
      reply.body.size());
  for (const auto& [name, value] : reply.headers) text += name + ": " + value + "\r\n";
  send_all(connection, text + "\r\n");
  if (request.method != "HEAD")
    send_all(connection, std::string_view(reply.body).substr(0, reply.cut.value_or(-1)));
  ::shutdown(connection, SHUT_WR);
}

std::vector<ServerRequest> HttpServer::seen() const {
  const std::scoped_lock lock(mutex_);
  return seen_;
}

std::vector<ServerRequest> HttpServer::seen(
    const std::string& method, const std::string& part) const {
  std::vector<ServerRequest> some;
  for (const ServerRequest& r : seen())
    if (r.method == method && r.path.find(part) != r.path.npos) some.push_back(r);
  return some;
}

}  // namespace fovea::test
