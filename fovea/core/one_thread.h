#pragma once

namespace fovea {

// While it lives, the thread that made it computes alone: threads() is 1 there. For work so small
// that waking others costs more than it saves. `chosen` false changes nothing.
class OneThreadScope {
 public:
  explicit OneThreadScope(bool chosen = true);
  ~OneThreadScope();
  OneThreadScope(const OneThreadScope&) = delete;
  OneThreadScope& operator=(const OneThreadScope&) = delete;

 private:
  bool before_;
};

}  // namespace fovea
