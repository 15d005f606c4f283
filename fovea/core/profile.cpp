#include "fovea/core/profile.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace fovea {

namespace {
thread_local Profile* current = nullptr;
}

Profile::Profile() : previous_(current) { current = this; }
Profile::~Profile() { current = previous_; }
Profile* Profile::active() { return current; }

std::string Profile::table(int most) const {
  struct Sum {
    ProfileRow row;
    int calls = 0;
  };
  std::map<std::pair<std::string, std::string>, Sum> sums;
  double total = 0;
  for (const ProfileRow& r : rows_) {
    Sum& s = sums[{r.op + " " + r.shapes, r.path}];
    if (s.calls++ == 0) {
      s.row = r;
    } else {
      s.row.seconds += r.seconds;
      s.row.flops += r.flops;
      s.row.bytes += r.bytes;
    }
    total += r.seconds;
  }
  std::vector<Sum> sorted;
  for (auto& [key, s] : sums) sorted.push_back(std::move(s));
  std::stable_sort(sorted.begin(), sorted.end(), [](const Sum& a, const Sum& b) {
    return a.row.seconds > b.row.seconds;
  });
  std::string text = fmt::format(
      "{:>9} {:>6} {:>6} {:>9} {:>8}  {:<24} {:<28} {}\n",
      "ms",
      "share",
      "calls",
      "GFLOP/s",
      "GB/s",
      "op",
      "module",
      "shapes");
  for (int i = 0; i < std::min<int>(most, int(sorted.size())); ++i) {
    const Sum& s = sorted[size_t(i)];
    double seconds = std::max(s.row.seconds, 1e-9);
    text += fmt::format(
        "{:9.3f} {:5.1f}% {:6} {:9.1f} {:8.1f}  {:<24} {:<28} {}\n",
        s.row.seconds * 1e3,
        100 * s.row.seconds / std::max(total, 1e-9),
        s.calls,
        s.row.flops / seconds * 1e-9,
        s.row.bytes / seconds * 1e-9,
        s.row.op,
        s.row.path,
        s.row.shapes);
  }
  return text + fmt::format("{:9.3f} ms in all, {} ops\n", total * 1e3, rows_.size());
}

}  // namespace fovea
