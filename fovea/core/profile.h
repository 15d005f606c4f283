#pragma once

#include <string>
#include <vector>

#include "fovea/core/primitive.h"

namespace fovea {

// One op as it ran.
struct ProfileRow {
  std::string op, path, shapes;  // shapes: "(8, 32, 32, 3) x (16, 3, 3, 3) -> (8, 32, 32, 16)"
  double seconds = 0;
  double flops = 0;
  double bytes = 0;
};

// While alive, records every op that runs on this thread.
class Profile {
 public:
  Profile();
  ~Profile();
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  const std::vector<ProfileRow>& rows() const { return rows_; }

  // Rows of the same op and path summed, slowest first, with GFLOP/s, GB/s and share of time.
  std::string table(int most = 40) const;

  void record(ProfileRow row) { rows_.push_back(std::move(row)); }
  static Profile* active();

 private:
  std::vector<ProfileRow> rows_;
  Profile* previous_;
};

}  // namespace fovea
