#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "fovea/nn/module.h"
#include "fovea/nn/norm.h"

namespace fovea::nn {

// Children run one after another, named "0", "1", ... unless given names.
class Sequential : public Module {
 public:
  Sequential() = default;

  void add(std::string name, std::unique_ptr<Module> m);
  void add(std::unique_ptr<Module> m) { add(std::to_string(children_.size()), std::move(m)); }
  template <class M, class... Args>
  void emplace(std::string name, Args&&... args) {
    add(std::move(name), std::make_unique<M>(std::forward<Args>(args)...));
  }
  size_t size() const { return children_.size(); }

  Tensor forward(const Tensor& x, Ctx& ctx) const override;
  void visit(Visitor& v) override;

 private:
  std::vector<std::pair<std::string, std::unique_ptr<Module>>> children_;
};

// y = body(x) + shortcut(x), shortcut being the identity when absent (He et al. 2016, "Deep
// residual learning"). Children: body, shortcut.
class Residual : public Module {
 public:
  explicit Residual(std::unique_ptr<Module> body, std::unique_ptr<Module> shortcut = nullptr)
      : body_(std::move(body)), shortcut_(std::move(shortcut)) {}

  Tensor forward(const Tensor& x, Ctx& ctx) const override;
  void visit(Visitor& v) override;

 private:
  std::unique_ptr<Module> body_, shortcut_;
};

// Passes x on. In training, its head's scores of x go to ctx.auxiliary (Szegedy et al. 2015,
// section 5). The head's children stand directly under this module's name.
class AuxiliaryHead : public Module {
 public:
  AuxiliaryHead(std::unique_ptr<Module> head, double weight)
      : head_(std::move(head)), weight_(weight) {}

  Tensor forward(const Tensor& x, Ctx& ctx) const override;
  void visit(Visitor& v) override { head_->visit(v); }

 private:
  std::unique_ptr<Module> head_;
  double weight_;
};

}  // namespace fovea::nn
