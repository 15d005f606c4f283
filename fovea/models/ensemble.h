#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fovea/models/model_file.h"

namespace fovea::models {

// Several networks as one: each sees the input, and the scores are the logarithm of the mean of
// their probabilities, y = log (1/M) sum_m softmax(y_m), whose softmax is that mean. A member's
// scores at many positions, (N, Ho, Wo, classes) inside Dense, are averaged over these first: the
// ensemble's are (N, 1, 1, classes), and maps of the members may differ in size. Children:
// members.0, members.1, ... Members that were trained on inputs with other statistics see
// x * inputs.1.scale + inputs.1.shift, both (C).
class Ensemble : public nn::Module {
 public:
  struct Member {
    std::unique_ptr<nn::Module> net;
    Tensor scale, shift;
  };
  explicit Ensemble(std::vector<Member> members) : members_(std::move(members)) {}

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override;
  void visit(Visitor& v) override;

 private:
  std::vector<Member> members_;
};

// The network of an architecture named "ensemble"; see Architecture::members for what must hold.
std::unique_ptr<nn::Module> build_ensemble(const Architecture& a);

inline constexpr const char* ensemble_in_ensemble =
    "a member of the ensemble is an ensemble itself; give its members instead";

// A model and what to call it in messages.
struct NamedModel {
  std::string name;
  Model model;
};

// One model whose network is an Ensemble of these, with the preprocessing of the first; what the
// others have as scale, mean and deviation becomes scale and shift of their inputs. Throws
// std::invalid_argument naming the first of them with other classes or another geometry than the
// first.
Model make_ensemble(std::vector<NamedModel> members);

// One model of the same network whose parameters are the means of theirs: Polyak and Juditsky 1992
// over the checkpoints of a run; Wortsman et al. 2022, "Model soups". The running statistics of
// batch norm are averaged too, so they are near to, and not exactly, those of the new weights;
// counters are the largest. Throws as make_ensemble does, and for another architecture or other
// statistics of inputs.
Model average_weights(std::vector<NamedModel> models);

}  // namespace fovea::models
