#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace fovea::serve {

// One connection, of which so many bytes are read and no more, in so many seconds and no more,
// whatever the reader asks for.
class Connection {
 public:
  // Takes the socket, and closes it at its end. Once `ending` is set, nothing more is read where
  // nothing has come yet, and otherwise for three seconds at most.
  Connection(int socket, size_t bytes, double seconds, const std::atomic<bool>& ending);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void allow(size_t bytes) { left_ = bytes; }  // from now on

  // As recv and send do: the number of bytes, 0 at the end, -1 where no more come or go.
  int64_t read(char* to, size_t size);
  int64_t write(const char* from, size_t size);

  // Sends the end, and reads what still comes for a moment: closed with bytes unread, a connection
  // is cut before the other side has our answer.
  void finish();

  int socket() const { return socket_; }

 private:
  using Clock = std::chrono::steady_clock;
  static Clock::time_point in(double seconds);
  bool wait(short event, bool idle);  // until the socket can be read or written

  const int socket_;
  size_t left_;
  Clock::time_point until_;
  const std::atomic<bool>& ending_;
  bool begun_ = false, hurried_ = false;
  std::array<char, 16384> buffer_;
  size_t at_ = 0, filled_ = 0;
};

}  // namespace fovea::serve
