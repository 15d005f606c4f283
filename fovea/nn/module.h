#pragma once

#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include "fovea/core/tree.h"
#include "fovea/nn/init.h"

namespace fovea::nn {

class Module;

// Scores (N, classes) of a head that only helps training, and what its loss counts.
struct AuxiliaryScores {
  Tensor scores;
  double weight = 0;
};

// One forward call: what it may know, and what it leaves behind.
struct Ctx {
  bool training = false;
  // Dropout and its kin draw as in training, while all else runs as at inference: for averages over
  // many draws.
  bool sampling = false;
  // Nothing draws in training, as at inference; batch norms and all else run as in training.
  bool still = false;
  Key key{0};                              // for dropout and the like; a trainer gives one per step
  Tree updates;                            // new running statistics, for the caller to commit
  std::vector<AuxiliaryScores> auxiliary;  // in training, for total_loss() in grad.h
  std::vector<std::string> wanted_taps;    // paths whose outputs are wanted, see tap()
  Tree taps;                               // what was tapped
  // Paths of modules that run as if not training, with all that is in them: no new statistics.
  std::set<std::string, std::less<>> frozen;
  std::string path;  // of the module that is running, "layer1.0.conv1"
  // Asked before a child runs, with the child and its input, under the child's path: its output,
  // or an empty tensor to let the child run.
  std::function<Tensor(const Module& child, const Tensor& x)> instead;

  // Runs a child of the running module under its name. Errors come out as LayerError.
  Tensor run(std::string_view name, const Module& child, const Tensor& x);

  // Runs f(), which builds ops, as the child `name`, for modules that call a child's own functions.
  template <class F>
  Tensor within(std::string_view name, F&& f);

  bool draws() const { return (training && !still) || sampling; }
  Key next_key();                                     // a fresh key for the running module
  bool has_drawn() const { return keys_given_ > 0; }  // whether any module asked for a key

  // Marks a value under the running module's path ("input" is what run() gives it): if asked for,
  // it is put in `taps` with a zero leaf added, whose gradient is the gradient of the activation.
  Tensor tap(std::string_view name, const Tensor& x);

 private:
  uint64_t keys_given_ = 0;
  Tensor run_in_scope(std::string_view name, const std::function<Tensor()>& f);
};

// A caller mistake that a layer found: its message begins with the layer's path.
class LayerError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// Where a parameter's axes go on disk, in PyTorch's layout. Memory keeps channels last.
enum class Layout : uint8_t {
  plain,           // as in memory
  conv,            // (O, kh, kw, I) here, (O, I, kh, kw) there
  conv_transpose,  // (I, kh, kw, O) here, (I, O, kh, kw) there; the same move
};

struct ParamSpec {
  Layout layout = Layout::plain;
  Init init;
};

// A layer or a network: a value that owns its tensors and its children. The only thing a module
// must list is itself, in visit(); names, loading, counting and copying all come from there.
class Module {
 public:
  virtual ~Module() = default;
  virtual Tensor forward(const Tensor& x, Ctx& ctx) const = 0;

  class Visitor {
   public:
    virtual ~Visitor() = default;
    virtual void param(
        std::string_view name, Tensor& t, const ParamSpec& spec = {}) = 0;  // trained
    virtual void state(std::string_view name, Tensor& t) = 0;               // saved, not trained
    virtual void child(std::string_view name, Module& m) = 0;
  };
  virtual void visit(Visitor&) {}
};

// A parameter that has a shape and no memory yet; initialize() or load() fills it.
Tensor shaped(const Shape& shape);

// Fills every parameter by its rule from (seed of key, its name), whatever else the module holds.
void initialize(Module& m, Key key);

Tree parameters(Module& m);  // in memory's layout
Tree state(Module& m);
// Replaces the named parameters and state; names that the module lacks are an error.
void assign(Module& m, const Tree& values);
int64_t count_parameters(Module& m);

// Runs a whole network: the root of the paths, with a fresh context unless one is given.
Tensor forward(const Module& m, const Tensor& x, Ctx& ctx);

template <class F>
Tensor Ctx::within(std::string_view name, F&& f) {
  return run_in_scope(name, std::forward<F>(f));
}

}  // namespace fovea::nn
