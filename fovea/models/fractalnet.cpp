#include "fovea/models/fractalnet.h"

#include <array>
#include <numeric>

#include "fovea/models/blocks.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"
#include "fovea/ops/elementwise.h"

namespace fovea::models {

namespace {

// Which inputs of the averages one call keeps.
class DropPath {
 public:
  DropPath(int columns, nn::Ctx& ctx) : draws_(ctx.draws()) {
    if (!draws_) return;
    rng_ = Rng(ctx.next_key());
    if (rng_.bernoulli(0.5)) column_ = int(rng_.below(uint64_t(columns)));
  }

  // Of columns 0, 1, ..., n - 1, which end together. A column that is the only one of this call
  // meets no average that it does not take part in.
  std::vector<int> keep(int n) {
    if (column_ >= 0) return {column_};
    std::vector<int> kept(static_cast<size_t>(n));
    std::iota(kept.begin(), kept.end(), 0);
    if (!draws_) return kept;
    std::erase_if(kept, [&](int) { return rng_.bernoulli(0.15); });
    if (kept.empty()) kept.push_back(int(rng_.below(uint64_t(n))));
    return kept;
  }

 private:
  bool draws_;
  Rng rng_{Key(0)};
  int column_ = -1;  // the only one, or -1
};

// x (N, H, W, in) -> (N, H, W, out) in 2^(C-1) steps. Column c has a convolution for every 2^c
// steps.
class Block {
 public:
  Block(int columns, int64_t in, int64_t out) : columns_(size_t(columns)) {
    for (int c = 0; c < columns; ++c)
      for (int i = 0; i < steps() >> c; ++i)
        columns_[size_t(c)].emplace_back(plain_conv(i == 0 ? in : out, out, 3));
  }

  // Runs only the convolutions that a kept path goes through, found from the end.
  Tensor forward(const Tensor& x, DropPath& paths, nn::Ctx& ctx) const {
    const auto last = size_t(steps());
    std::vector<std::vector<int>> kept(last + 1);
    std::vector<bool> needed(last + 1);
    needed[last] = true;
    for (size_t t = last; t > 0; --t) {
      if (!needed[t]) continue;
      kept[t] = paths.keep(ending_at(t));
      for (int c : kept[t]) needed[t - (size_t(1) << c)] = true;
    }
    std::vector<Tensor> values(last + 1);  // after each step
    values[0] = x;
    for (size_t t = 1; t <= last; ++t) {
      for (int c : kept[t]) {
        const size_t i = (t >> c) - 1;
        Tensor y = ctx.run(name(c, i), columns_[size_t(c)][i], values[t - (size_t(1) << c)]);
        values[t] = values[t].is_empty() ? y : values[t] + y;
      }
      if (kept[t].size() > 1) values[t] = values[t] * (1.0 / double(kept[t].size()));
    }
    return values[last];
  }

  void visit(const std::string& path, nn::Module::Visitor& v) {
    for (size_t c = 0; c < columns_.size(); ++c)
      for (size_t i = 0; i < columns_[c].size(); ++i)
        v.child(path + "." + name(int(c), i), columns_[c][i]);
  }

 private:
  static std::string name(int column, size_t i) {
    return "column" + std::to_string(column) + "." + std::to_string(i);
  }
  int steps() const { return 1 << (columns_.size() - 1); }

  // How many columns have a convolution that ends with step t.
  int ending_at(size_t t) const {
    int n = 1;
    while (n < int(columns_.size()) && t % (size_t(1) << n) == 0) ++n;
    return n;
  }

  std::vector<std::vector<ConvBnRelu>> columns_;
};

class FractalNet : public nn::Module {
 public:
  struct Plan {
    int columns = 3;
    std::array<int64_t, 5> widths{};
    std::array<double, 5> dropout{};  // behind each block
  };
  FractalNet(const Plan& plan, const MakeOptions& o)
      : columns_(plan.columns), fc_({.in = plan.widths.back(), .out = o.classes}) {
    int64_t in = o.input[2];
    for (size_t b = 0; b < plan.widths.size(); ++b) {
      blocks_.emplace_back(plan.columns, in, plan.widths[b]);
      dropout_.emplace_back(nn::Dropout::Options{.rate = plan.dropout[b]});
      in = plan.widths[b];
    }
  }

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    DropPath paths(columns_, ctx);
    Tensor y = x;
    for (size_t b = 0; b < blocks_.size(); ++b) {
      const std::string number = std::to_string(b + 1);
      y = ctx.within("block" + number, [&] { return blocks_[b].forward(y, paths, ctx); });
      if (b + 1 < blocks_.size()) y = ctx.run("pool" + number, pool_, y);
      y = ctx.run("dropout" + number, dropout_[b], y);
    }
    return ctx.run("fc", fc_, ctx.run("pool", global_pool_, y));
  }
  void visit(Visitor& v) override {
    for (size_t b = 0; b < blocks_.size(); ++b)
      blocks_[b].visit("block" + std::to_string(b + 1), v);
    v.child("fc", fc_);
  }

 private:
  int columns_;
  std::vector<Block> blocks_;
  std::vector<nn::Dropout> dropout_;
  nn::MaxPool2d pool_{{.kernel = {2, 2}}};
  nn::GlobalAvgPool global_pool_;
  nn::Linear fc_;
};

std::unique_ptr<nn::Module> make_fractalnet(const MakeOptions& o) {
  return std::make_unique<FractalNet>(
      FractalNet::Plan{
          .columns = 3, .widths = {64, 128, 256, 512, 512}, .dropout = {0, 0.1, 0.2, 0.3, 0.4}},
      o);
}

std::unique_ptr<nn::Module> make_fractalnet40(const MakeOptions& o) {
  return std::make_unique<FractalNet>(
      FractalNet::Plan{.columns = 4, .widths = {16, 32, 64, 128, 128}}, o);
}

constexpr std::string_view larsson2017 = "Larsson et al. 2017, FractalNet";

}  // namespace

std::span<const Entry> fractalnet_entries() {
  static const Entry rows[] = {
      {"fractalnet", larsson2017, {32, 32, 3}, 10, make_fractalnet},
      {"fractalnet40", larsson2017, {32, 32, 3}, 10, make_fractalnet40},
  };
  return rows;
}

}  // namespace fovea::models
