#include "fovea/graph/peak_memory.h"

#include <algorithm>
#include <map>
#include <memory>

#include "fovea/core/allocator.h"
#include "fovea/core/kernel.h"
#include "fovea/core/node.h"

namespace fovea::graph {

namespace {

int64_t block_of(int64_t bytes) { return int64_t(block_size(size_t(bytes))); }

// A buffer; the values in it hold it together.
struct Buffer {
  int64_t bytes = 0;
  int64_t* live = nullptr;
  Buffer(int64_t n, int64_t* counter) : bytes(n), live(counter) { *live += n; }
  ~Buffer() { *live -= bytes; }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
};

// A value that will exist; null buffer: in memory already.
struct Pending {
  std::shared_ptr<Buffer> buffer;
  int64_t readers = 0;
};

class Simulation {
 public:
  explicit Simulation(std::span<const Tensor> outputs) {
    const auto nodes = reachable(outputs);
    for (const auto& node : nodes)
      for (const Tensor& t : node->inputs) ++at(t).readers;
    for (const Tensor& t : outputs) ++at(t).readers;
    for (const auto& node : nodes) run(*node);
  }
  int64_t peak() const { return peak_; }

 private:
  using Place = std::pair<const void*, int>;
  Pending& at(const Tensor& t) {
    const auto& node = t.node();
    return values_[node ? Place{node.get(), t.value()->output} : Place{t.value().get(), -1}];
  }

  // What the evaluator would give to an output: the memory of an input that ends here.
  std::shared_ptr<Buffer> donated(const Node& node, const Spec& spec) {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Tensor& t = node.inputs[i];
      const Pending& p = at(t);
      if (p.buffer && p.readers == 1 && p.buffer.use_count() == 1 && t.shape() == spec.shape &&
          t.dtype() == spec.dtype && t.device() == node.device &&
          node.primitive->may_overwrite(node.inputs, int(i)))
        return p.buffer;
    }
    return nullptr;
  }

  void run(const Node& node) {
    std::vector<std::shared_ptr<Buffer>> made;
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const Spec& spec = node.outputs[i].spec;
      if (node.primitive->kind() == Kind::view) {
        const Primitive::View view = node.primitive->view(int(i), node.inputs);
        made.push_back(at(node.inputs[size_t(view.input)]).buffer);
        continue;
      }
      std::shared_ptr<Buffer> buffer = donated(node, spec);
      if (!buffer)
        buffer = std::make_shared<Buffer>(
            block_of(spec.shape.numel() * int64_t(size_of(spec.dtype))), &live_);
      made.push_back(std::move(buffer));
    }
    const int64_t scratch = kernels().scratch(*node.primitive, node.inputs, node.device.kind);
    peak_ = std::max(peak_, live_ + (scratch > 0 ? block_of(scratch) : 0));
    for (size_t i = 0; i < made.size(); ++i)
      if (auto value = values_.find({&node, int(i)}); value != values_.end())
        value->second.buffer = made[i];
    for (const Tensor& t : node.inputs)
      if (Pending& p = at(t); --p.readers == 0) p.buffer.reset();
  }

  int64_t live_ = 0, peak_ = 0;
  std::map<Place, Pending> values_;  // destroyed before the counter it counts on
};

}  // namespace

int64_t peak_memory(std::span<const Tensor> outputs) { return Simulation(outputs).peak(); }

}  // namespace fovea::graph
