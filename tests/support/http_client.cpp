#include "tests/support/http_client.h"

#include <arpa/inet.h>
#include <array>
#include <cstdlib>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fovea::test {

Answer send_raw(int port, const std::string& bytes, bool end) {
  const int connection = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(uint16_t(port));
  Answer answer;
  if (::connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    for (size_t at = 0; at < bytes.size();) {  // a server that has heard enough may stop reading
      const ssize_t n = ::send(connection, &bytes[at], bytes.size() - at, MSG_NOSIGNAL);
      if (n <= 0) break;
      at += size_t(n);
    }
    if (end) ::shutdown(connection, SHUT_WR);
    std::array<char, 4096> buffer{};
    ssize_t n = 0;
    while ((n = ::recv(connection, buffer.data(), buffer.size(), 0)) > 0)
      answer.head.append(buffer.data(), size_t(n));
  }
  ::close(connection);
  if (const size_t at = answer.head.find("\r\n\r\n"); at != std::string::npos) {
    answer.body = answer.head.substr(at + 4);
    answer.head.resize(at);
    answer.status = std::atoi(answer.head.c_str() + sizeof "HTTP/1.1");
  }
  return answer;
}

Answer ask(
    int port,
    const std::string& method,
    const std::string& path,
    const std::string& body,
    const std::string& headers) {
  std::string text = method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers;
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return send_raw(port, text + "\r\n" + body);
}

}  // namespace fovea::test
