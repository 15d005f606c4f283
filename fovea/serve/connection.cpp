#include "fovea/serve/connection.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fovea::serve {

Connection::Connection(int socket, size_t bytes, double seconds, const std::atomic<bool>& ending)
    : socket_(socket), left_(bytes), until_(in(seconds)), ending_(ending) {}

Connection::~Connection() { ::close(socket_); }

Connection::Clock::time_point Connection::in(double seconds) {
  return Clock::now() +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

bool Connection::wait(short event, bool idle) {
  using std::chrono::milliseconds;
  constexpr milliseconds slice(50);
  for (;;) {
    if (ending_ && !hurried_) {
      hurried_ = true;
      until_ = std::min(until_, in(3));
    }
    const auto left = std::chrono::ceil<milliseconds>(until_ - Clock::now());
    if (left.count() <= 0) return false;
    pollfd p{socket_, event, 0};
    const int ready = ::poll(&p, 1, int(std::min(left, slice).count()));
    if (ready > 0) return true;
    if ((ready < 0 && errno != EINTR) || (ending_ && idle)) return false;
  }
}

int64_t Connection::read(char* to, size_t size) {
  if (left_ == 0) return -1;
  if (at_ == filled_) {
    if (!wait(POLLIN, !begun_)) return -1;
    const ssize_t n = ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (n <= 0) return n;
    begun_ = true;
    at_ = 0;
    filled_ = size_t(n);
  }
  size = std::min({size, left_, filled_ - at_});
  std::memcpy(to, buffer_.data() + at_, size);
  at_ += size;
  left_ -= size;
  return int64_t(size);
}

int64_t Connection::write(const char* from, size_t size) {
  until_ = in(10);  // the answer may have taken long
  if (!wait(POLLOUT, false)) return -1;
  return ::send(socket_, from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Connection::finish() {
  ::shutdown(socket_, SHUT_WR);
  until_ = in(1);
  while (wait(POLLIN, true))
    if (::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT) <= 0) return;
}

}  // namespace fovea::serve
