#pragma once

#include <condition_variable>
#include <mutex>

namespace fovea::serve {

// Lets so many threads work at once; others wait for their turn.
class Turns {
 public:
  explicit Turns(int count) : free_(count) {}

  class Turn {
   public:
    explicit Turn(Turns& turns) : turns_(turns) {
      std::unique_lock lock(turns_.mutex_);
      turns_.changed_.wait(lock, [&] { return turns_.free_ > 0; });
      --turns_.free_;
    }
    ~Turn() {
      {
        const std::scoped_lock lock(turns_.mutex_);
        ++turns_.free_;
      }
      turns_.changed_.notify_one();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Turns& turns_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int free_;
};

}  // namespace fovea::serve
