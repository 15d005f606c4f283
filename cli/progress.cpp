#include "cli/progress.h"

#include <cstdio>

#include <fmt/format.h>

#include "cli/environment.h"

namespace fovea::cli {

namespace {

using Clock = std::chrono::steady_clock;

std::string bar(double share, int width) {
  static const char* const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  int filled = int(share * width * 8);
  std::string out;
  for (int i = 0; i < filled / 8; ++i) out += "█";
  int drawn = filled / 8;
  if (drawn < width && filled % 8) {
    out += eighths[filled % 8];
    ++drawn;
  }
  return out + std::string(size_t(width - drawn), ' ');
}

}  // namespace

std::string duration(double seconds) {
  auto s = int64_t(seconds + 0.5);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

Progress::Progress(bool quiet)
    : quiet_(quiet), terminal_(stderr_is_terminal()), last_(Clock::now()) {}

Progress::~Progress() { clear_bar(); }

void Progress::clear_bar() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
}

void Progress::note(const std::string& text) {
  show(coloured("note", Colour::yellow) + ": " + text + "\n");
}

void Progress::show(const std::string& text) {
  if (quiet_) return;
  clear_bar();
  std::fputs(text.c_str(), stderr);
}

void Progress::on_step(const train::StepReport& r) {
  if (quiet_) return;
  auto now = Clock::now();
  std::chrono::duration<double> waited = now - last_;
  if (waited.count() < (terminal_ ? 0.1 : 30)) return;
  last_ = now;
  std::string text = fmt::format(
      "epoch {}/{}  loss {:.4f}  accuracy {:5.1f} %  lr {:.2g}  {:.0f} images/s  {} left",
      r.epoch,
      r.epochs,
      r.loss,
      100 * r.accuracy,
      r.lr,
      r.images_per_second,
      duration(r.seconds_left));
  if (!terminal_) {
    std::fputs((text + "\n").c_str(), stderr);
    return;
  }
  int room = terminal_width() - int(text.size()) - 4;
  if (room >= 8) text = bar(double(r.batch) / double(r.batches), std::min(room, 30)) + " " + text;
  std::fputs(("\r\x1b[K" + text).c_str(), stderr);
  std::fflush(stderr);
  drawn_ = true;
}

void Progress::on_epoch(const train::EpochReport& r) {
  if (quiet_) return;
  clear_bar();
  last_ = Clock::now();
  std::string text = "fitted at once";
  if (r.step > 0)
    text = fmt::format(
        "epoch {:>{}}/{}  train loss {:.4f}, accuracy {:5.2f} %",
        r.epoch,
        std::to_string(r.epochs).size(),
        r.epochs,
        r.train_loss,
        100 * r.train_accuracy);
  if (r.val)
    text += fmt::format("  val loss {:.4f}, accuracy {:5.2f} %", r.val->loss, 100 * r.val->top1);
  if (r.step == 0) {
    std::fputs((text + "\n").c_str(), stderr);
    return;
  }
  text += coloured(
      fmt::format("  {:.0f} images/s, {}", r.images_per_second, duration(r.seconds)), Colour::dim);
  if (r.best) text += coloured("  best", Colour::green);
  if (r.waited > 0.2 && r.seconds > 5)
    text += coloured(
        fmt::format("  waited {:.0f} % for data: try data.workers", 100 * r.waited),
        Colour::yellow);
  std::fputs((text + "\n").c_str(), stderr);
}

}  // namespace fovea::cli
