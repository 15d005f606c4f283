#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

#include "fovea/core/kernel.h"

// How we use oneDNN: make a primitive once per shape, keep it in a cache
// with the memory layouts it chose, and run it on the calling thread with scratch memory of ours.
namespace fovea::onednn {

// Everything a primitive depends on: its kind (0 matmul, 1 to 3 the passes of a convolution),
// threads(), extents, options and flags.
struct PlanKey {
  std::array<int64_t, 24> words{};
  friend bool operator==(const PlanKey&, const PlanKey&) = default;
};

enum class Access : uint8_t { read, write, add };  // `add`: to what is there

// One argument: the layout the caller has, and the one the primitive wants.
struct PlanArgument {
  int id = 0;  // DNNL_ARG_...
  dnnl::memory::desc ours, theirs;
  Access access = Access::read;
};

// A primitive with the reorders its arguments need. Immutable once made, so threads may share it.
class Plan {
 public:
  Plan(
      dnnl::primitive primitive,
      const dnnl::primitive_desc_base& pd,
      std::vector<PlanArgument> args);

  // `pointers` has one address per argument, in the order they were given. Argument number
  // `packed`, if there is one, already has the primitive's layout.
  void execute(std::span<void* const> pointers, Run& run, int packed = -1) const;

  // Argument `i` at `ours` in the primitive's layout, once for many executions; null if it has it.
  std::shared_ptr<Storage> pack(int i, void* ours) const;

  // Bytes of scratch memory that execute() takes, where no argument is packed.
  int64_t scratch() const;

  const std::string& implementation() const { return implementation_; }
  bool is_reference() const { return implementation_.starts_with("ref"); }  // of oneDNN, very slow

 private:
  struct Reorder {
    dnnl::reorder primitive;
    dnnl::memory::desc scratch;
  };
  std::string implementation_;  // of oneDNN, such as "brgconv:avx512_core"
  dnnl::primitive primitive_;
  dnnl::memory::desc scratch_;
  struct Argument {
    PlanArgument a;
    std::optional<Reorder> before, after;  // where `ours` differs from `theirs`
  };
  void execute(const Reorder& r, const dnnl::memory& from, const dnnl::memory& to, Run& run) const;

  std::vector<Argument> args_;
};

// The plan of `key`, from the cache or made by `make`. The cache holds the last few hundred used
// and may be called from any thread.
std::shared_ptr<const Plan> cached_plan(
    const PlanKey& key, const std::function<Plan(const dnnl::engine&)>& make);

// Whether the library may use AVX-512 here.
bool has_avx512();

// y (m, n) = a^T (m, k) b (k, n), row-major, on threads() threads.
void transposed_product(
    int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* y, Run& run);

std::string_view transposed_product_name(int64_t m, int64_t n);       // of what computes it
int64_t transposed_product_scratch(int64_t m, int64_t n, int64_t k);  // bytes

// y (m, n) = a (m, k) b^T (n, k), likewise.
void product_transposed(int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* y);

// Attributes with scratch memory supplied by the caller: the library's own is tied to a thread.
dnnl::primitive_attr plan_attributes();

// Row-major strides for `dims`.
dnnl::memory::desc dense_desc(const dnnl::memory::dims& dims);
// f32 with any layout the library likes.
dnnl::memory::desc any_desc(const dnnl::memory::dims& dims);

}  // namespace fovea::onednn
