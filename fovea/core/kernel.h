#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <typeindex>
#include <vector>

#include "fovea/core/allocator.h"
#include "fovea/core/primitive.h"

namespace fovea {

// Scratch memory of one kernel call, from the caching allocator, freed when the call ends.
class Workspace {
 public:
  explicit Workspace(Device device) : device_(device) {}
  std::byte* get(size_t bytes);
  template <class T>
  std::span<T> get(size_t count) {
    return {reinterpret_cast<T*>(get(count * sizeof(T))), count};
  }

 private:
  Device device_;
  std::vector<std::unique_ptr<Storage>> blocks_;
};

struct Run {
  Device device;
  Workspace& scratch;
};

// Kernels are plain functions: they read `in`, which is evaluated and contiguous, and fill `out`,
// which is allocated. An elementwise kernel may find an output sharing an input's memory.
using Kernel = void (*)(const Primitive&, std::span<const Tensor> in, std::span<Tensor> out, Run&);

// A kernel made ready for one node whose shapes, options and constant inputs stay as they are. It
// may be called from many threads at once.
struct Prepared {
  std::function<void(std::span<const Tensor> in, std::span<Tensor> out, Run&)> run;
  std::vector<int> packed;  // inputs it has its own copy of and no longer reads
};

// Does once what need not be done at every call, such as packing weights. Inputs that are evaluated
// are constant; the others only have a shape. An empty `run` says that nothing is gained.
using Prepare = Prepared (*)(const Primitive&, std::span<const Tensor> in);

// How many bytes of scratch memory a kernel takes for such inputs, of which only shapes are read.
using Scratch = int64_t (*)(const Primitive&, std::span<const Tensor> in);

// Kernels by (primitive type, device).
class KernelTable {
 public:
  template <class P>
  void add(Device::Kind device, Kernel kernel) {
    table_[{std::type_index(typeid(P)), device}] = kernel;
  }
  template <class P>
  void add_prepare(Device::Kind device, Prepare function) {
    prepares_[{std::type_index(typeid(P)), device}] = function;
  }
  template <class P>
  void add_scratch(Device::Kind device, Scratch function) {
    scratches_[{std::type_index(typeid(P)), device}] = function;
  }
  // Lets `to` run every kernel of `from`, which must share its memory.
  void copy(Device::Kind from, Device::Kind to);

  template <class P>
  bool has(Device::Kind device) const {
    return table_.contains({std::type_index(typeid(P)), device});
  }
  // Throws, naming op, device and the devices that have one.
  Kernel find(const Primitive& primitive, Device::Kind device) const;

  // The kernel of a node that is run many times; `primitive` must outlive the result.
  Prepared prepare(
      const Primitive& primitive, std::span<const Tensor> in, Device::Kind device) const;

  // Bytes of scratch memory that the kernel will take; 0 for those that take little and do not say.
  int64_t scratch(
      const Primitive& primitive, std::span<const Tensor> in, Device::Kind device) const;

 private:
  using Place = std::pair<std::type_index, Device::Kind>;
  std::map<Place, Kernel> table_;
  std::map<Place, Prepare> prepares_;
  std::map<Place, Scratch> scratches_;
};

// Fills the table with every kernel of this build; defined by the backend room.
void register_backends(KernelTable& table);

const KernelTable& kernels();  // filled on first use

}  // namespace fovea
