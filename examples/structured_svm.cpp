// A structured SVM on real digits: strings in which each digit is one more or one less than the one
// before (0 and 9 meet), each seen through heavy noise. A linear classifier of single digits is
// compared with one that also learns what may stand side by side.

#include <cstdio>
#include <vector>

#include "fovea/autograd/transforms.h"
#include "fovea/core/eval.h"
#include "fovea/core/random.h"
#include "fovea/data/source.h"
#include "fovea/ops/chain.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/reduce.h"

using namespace fovea;

constexpr int64_t strings = 300, length = 8, digits = 10, pixels = 28 * 28;

struct Strings {
  Tensor x, labels;  // (strings, length, pixels), (strings, length)
};

Strings draw(const data::Dataset& pictures, uint64_t seed) {
  std::vector<std::vector<int64_t>> of(digits);  // the pictures of each digit
  for (int64_t i = 0; i < pictures.size(); ++i) of[size_t(pictures.label(i))].push_back(i);
  Rng rng{Key(seed)};
  std::vector<float> x;
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < strings; ++i) {
    auto digit = int64_t(rng.below(digits));
    for (int64_t t = 0; t < length; ++t) {
      digit = (digit + (rng.bernoulli(0.5) ? 1 : digits - 1)) % digits;
      labels.push_back(int32_t(digit));
      const auto& some = of[size_t(digit)];
      const image::Image picture = pictures.image(some[size_t(rng.below(some.size()))]);
      for (uint8_t value : picture.pixels)
        x.push_back(float((value / 255. - 0.15 + 1.2 * rng.normal()) / 28));
    }
  }
  return {Tensor::from(x, {strings, length, pixels}), Tensor::from(labels, {strings, length})};
}

struct Weights {
  Tensor digit = zeros({pixels, digits}).eval();  // of a place
  Tensor pair = zeros({digits, digits}).eval();   // of neighbours
};

double percent_right(const Strings& s, const Weights& w) {
  const Tensor found = chain_decode(matmul(s.x, w.digit), w.pair);
  return 100 * mean(cast(equal(found, s.labels), Dtype::f32)).item();
}

Weights learn(const Strings& s, bool with_pairs) {
  Weights w;
  for (int step = 0; step < 80; ++step) {
    const double lr = 4. / (1 + 0.05 * step);
    const Tensor loss = structured_hinge(matmul(s.x, w.digit), w.pair, s.labels);
    const auto slopes = grad(loss, {{w.digit, w.pair}});
    w.digit = (w.digit - lr * slopes[0]).eval();
    if (with_pairs) w.pair = (w.pair - 0.02 * lr * slopes[1]).eval();
  }
  return w;
}

int main() {
  const auto data = data::open("digits");
  const Strings train = draw(*data.train, 1), test = draw(*data.test, 2);
  std::printf("digits read one by one: %.1f %%\n", percent_right(test, learn(train, false)));
  const Weights chain = learn(train, true);
  std::printf("digits read as strings: %.1f %%\n", percent_right(test, chain));
  std::printf("what may follow 3, as learnt:");
  for (int64_t next = 0; next < digits; ++next)
    std::printf(" %+.2f", chain.pair.to_doubles()[size_t(3 * digits + next)]);
  std::printf("\n");
}
