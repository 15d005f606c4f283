#include "fovea/core/eval.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/autograd/transforms.h"
#include "fovea/core/allocator.h"
#include "fovea/core/errors.h"
#include "fovea/core/kernel.h"
#include "fovea/core/node.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/index.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

using test::message_of;
using test::random_input;

using Values = std::vector<float>;

constexpr int64_t floats = 1 << 20, buffer = floats * 4;

int64_t live() { return host_allocator().stats().live; }

// Bytes in use at the worst moment of f, beyond those in use before it.
template <class F>
int64_t peak_of(F&& f) {
  int64_t before = live();
  host_allocator().reset_peak();
  f();
  return host_allocator().stats().peak - before;
}

TEST(Eval, RunsOnlyWhenAsked) {
  Tensor x = random_input({3}, 1), y = x * 2, z = y + 1;
  EXPECT_FALSE(y.is_evaluated());
  eval({z});
  EXPECT_TRUE(z.is_evaluated());
  EXPECT_TRUE(y.is_evaluated());
  EXPECT_FALSE(z.node());  // an evaluated value forgets where it came from
}

TEST(Eval, EagerRunsAtOnceWithTheSameResult) {
  Tensor x = random_input({5, 7}, 1);
  auto f = [&] { return sum(exp(x) * x, {1}); };
  Tensor lazy = f();
  EvalModeScope scope(EvalMode::eager);
  EXPECT_EQ(eval_mode(), EvalMode::eager);
  Tensor eager = f();
  EXPECT_TRUE(eager.is_evaluated());
  EXPECT_FALSE(lazy.is_evaluated());
  EXPECT_EQ(eager.to_vector(), lazy.to_vector());
  {
    EvalModeScope inner(EvalMode::lazy);
    EXPECT_FALSE(f().is_evaluated());
  }
  EXPECT_TRUE(f().is_evaluated());
}

TEST(Eval, EvaluatesEachNodeOnce) {
  Tensor x = random_input({3}, 1), shared = exp(x);
  eval({shared + 1, shared * 2});
  EXPECT_EQ(shared.to_vector(), exp(x).to_vector());
  EXPECT_EQ((shared + shared).to_vector(), (shared * 2).to_vector());
}

TEST(Liveness, AChainNeedsTwoBuffers) {
  Tensor x = random_input({floats}, 1);
  int64_t peak = peak_of([&] {
    Tensor y = x;
    for (int i = 0; i < 50; ++i) y = sum(reshape(relu(y), {floats, 1}), {1});
    y.eval();
  });
  EXPECT_LE(peak, 2 * buffer + 65536);
}

TEST(Liveness, ElementwiseOpsWorkInPlace) {
  Tensor x = random_input({floats}, 1);
  Values before = x.to_vector();
  int64_t peak = peak_of([&] {
    Tensor y = x;
    for (int i = 0; i < 50; ++i) y = relu(-y);
    y.eval();
  });
  EXPECT_LE(peak, buffer + 65536);
  EXPECT_EQ(x.to_vector(), before);  // somebody holds it, so it is not written over
}

TEST(Liveness, ATakenOverInputIsTheMemoryOfTheResult) {
  Tensor x = random_input({floats}, 1);
  const std::byte* memory = x.bytes().data();
  Tensor y = -x;
  x = Tensor();
  EXPECT_EQ(y.eval().bytes().data(), memory);
}

TEST(Liveness, AViewKeepsItsSourceFromBeingWrittenOver) {
  Tensor x = ones({4}) * 1, view = reshape(x, {2, 2});
  Tensor y = x + 1;
  x = Tensor();
  eval({view, y});
  EXPECT_EQ(view.to_vector(), Values(4, 1));
  EXPECT_EQ(y.to_vector(), Values(4, 2));
}

TEST(DeepGraph, EvaluatesDifferentiatesAndIsDestroyed) {
  constexpr int depth = 1000000;
  auto chain = [](Tensor x) {
    for (int i = 0; i < depth; ++i) x = -x;
    return x;
  };
  Tensor x = Tensor::from<float>({3}, {1});
  EXPECT_EQ(chain(x).item(), 3);
  {
    Tensor unused = chain(x);  // destroyed without having run
    EXPECT_FALSE(unused.is_evaluated());
  }
  EXPECT_EQ(grad(chain(x), x).item(), 1);
}

TEST(NanGuard, NamesOpAndModule) {
  NanGuard guard;
  Tensor x = Tensor::from<float>({1, 0}, {2}), y;
  {
    PathScope path("net.head");
    y = log(x);
  }
  try {
    y.eval();
    FAIL();
  } catch (const NonFiniteError& e) {
    EXPECT_EQ(e.op(), "log");
    EXPECT_EQ(e.path(), "net.head");
    std::string message = e.what();
    EXPECT_EQ(message.rfind("[log] in net.head (", 0), 0u) << message;
    EXPECT_NE(
        message.find("made a NaN or an infinity, from finite inputs: f32 (2) from 0 to 1"),
        std::string::npos)
        << message;
  }
}

TEST(NanGuard, TellsWhenTheInputWasToBlame) {
  Tensor bad = Tensor::from<float>({1, NAN}, {2});
  EXPECT_NO_THROW(relu(bad).eval());
  NanGuard guard;
  EXPECT_NE(
      message_of([&] { relu(bad).eval(); }).find("its input 0 f32 (2) already was not finite"),
      std::string::npos);
  EXPECT_NO_THROW(relu(ones({2})).eval());
}

TEST(EvalError, NamesOpModuleAndPlace) {
  Tensor y;
  {
    PathScope outer("encoder"), path("encoder.words");
    y = embedding(ones({2, 3}), Tensor::from<int32_t>({5}, {1}));
  }
  std::string message = message_of([&] { y.eval(); });
  EXPECT_EQ(message.rfind("[take] in encoder.words (", 0), 0u) << message;
  EXPECT_NE(message.find(".cpp:"), std::string::npos) << message;
  EXPECT_NE(message.find("): expected indices within 0..1, got 5"), std::string::npos) << message;
  EXPECT_THROW(y.eval(), EvalError);  // again: the graph is still there
  EXPECT_FALSE(y.is_evaluated());
}

class Nothing : public Primitive {
 public:
  std::string_view name() const override { return "nothing"; }
  Kind kind() const override { return Kind::heavy; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override {
    return {{in[0].shape(), in[0].dtype()}};
  }
};

TEST(KernelTable, SaysWhichDevicesHaveAKernel) {
  Tensor y = Tensor::output_of(std::make_shared<Nothing>(), {ones({2})});
  EXPECT_NE(
      message_of([&] { y.eval(); }).find("no kernel for cpu; available: none"), std::string::npos);
  KernelTable table;
  auto kernel = [](const Primitive&, std::span<const Tensor>, std::span<Tensor>, fovea::Run&) {};
  table.add<Nothing>(Device::ref, kernel);
  EXPECT_EQ(
      message_of([&] { table.find(Nothing(), Device::cuda); }),
      "no kernel for cuda; available: ref");
  table.copy(Device::ref, Device::cpu);
  EXPECT_NE(table.find(Nothing(), Device::cpu), nullptr);
}

}  // namespace
}  // namespace fovea
