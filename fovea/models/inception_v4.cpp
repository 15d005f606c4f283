#include "fovea/models/inception_v4.h"

#include "fovea/models/branches.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"

namespace fovea::models {

namespace {

using Ways = std::vector<Branch>;

// Figure 3 of the paper behind its third convolution.
Ways stem_73() { return {{{max_pool("maxpool", 2)}}, {{valid_conv("conv", 96, 2)}}}; }
Ways stem_71() {
  return {
      {{conv("branch0.0", 64), valid_conv("branch0.1", 96)}},
      {{conv("branch1.0", 64),
        conv("branch1.1", 64, {1, 7}),
        conv("branch1.2", 64, {7, 1}),
        valid_conv("branch1.3", 96)}}};
}
Ways stem_35() { return {{{valid_conv("conv", 192, 2)}}, {{max_pool("maxpool", 2)}}}; }

// Figure 4.
Ways module_35() {
  return {
      {{conv("branch0", 96)}},
      {{conv("branch1.0", 64), conv("branch1.1", 96, {3, 3})}},
      {{conv("branch2.0", 64), conv("branch2.1", 96, {3, 3}), conv("branch2.2", 96, {3, 3})}},
      {{avg_pool("branch3.0", false), conv("branch3.1", 96)}}};
}

// Figure 7.
Ways reduction_35() {
  return {
      {{valid_conv("branch0", 384, 2)}},
      {{conv("branch1.0", 192), conv("branch1.1", 224, {3, 3}), valid_conv("branch1.2", 256, 2)}},
      {{max_pool("branch2", 2)}}};
}

// Figure 5.
Ways module_17() {
  return {
      {{conv("branch0", 384)}},
      {{conv("branch1.0", 192), conv("branch1.1", 224, {1, 7}), conv("branch1.2", 256, {7, 1})}},
      {{conv("branch2.0", 192),
        conv("branch2.1", 192, {7, 1}),
        conv("branch2.2", 224, {1, 7}),
        conv("branch2.3", 224, {7, 1}),
        conv("branch2.4", 256, {1, 7})}},
      {{avg_pool("branch3.0", false), conv("branch3.1", 128)}}};
}

// Figure 8.
Ways reduction_17() {
  return {
      {{conv("branch0.0", 192), valid_conv("branch0.1", 192, 2)}},
      {{conv("branch1.0", 256),
        conv("branch1.1", 256, {1, 7}),
        conv("branch1.2", 320, {7, 1}),
        valid_conv("branch1.3", 320, 2)}},
      {{max_pool("branch2", 2)}}};
}

// Figure 6.
Ways module_8() {
  return {
      {{conv("branch0", 256)}},
      {{conv("branch1_0", 384)},
       {conv("branch1_1a", 256, {1, 3}), conv("branch1_1b", 256, {3, 1})}},
      {{conv("branch2_0", 384), conv("branch2_1", 448, {3, 1}), conv("branch2_2", 512, {1, 3})},
       {conv("branch2_3a", 256, {1, 3}), conv("branch2_3b", 256, {3, 1})}},
      {{avg_pool("branch3.0", false), conv("branch3.1", 256)}}};
}

std::unique_ptr<nn::Module> make_inception_v4(const MakeOptions& o) {
  auto features = std::make_unique<nn::Sequential>();
  int64_t in = o.input[2];
  for (const BranchLayer& l :
       {valid_conv("0", 32, 2), valid_conv("1", 32), conv("2", 64, {3, 3})}) {
    features->add(make_layer(in, l, true));
    in = l.out;
  }
  auto mixed = [&](const Ways& ways, int times = 1) {
    for (int i = 0; i < times; ++i) {
      auto m = std::make_unique<Branches>(in, ways);
      in = m->out();
      features->add(std::move(m));
    }
  };
  mixed(stem_73());
  mixed(stem_71());
  mixed(stem_35());
  mixed(module_35(), 4);
  mixed(reduction_35());
  mixed(module_17(), 7);
  mixed(reduction_17());
  mixed(module_8(), 3);

  auto net = std::make_unique<nn::Sequential>();
  net->add("features", std::move(features));
  net->emplace<nn::GlobalAvgPool>("global_pool");
  net->emplace<nn::Dropout>("head_drop", nn::Dropout::Options{.rate = 0.2});
  net->emplace<nn::Linear>("last_linear", nn::Linear::Options{.in = in, .out = o.classes});
  return net;
}

}  // namespace

std::span<const Entry> inception_v4_entries() {
  static const Entry rows[] = {
      {.name = "inception_v4",
       .paper = "Szegedy et al. 2017, Inception-v4",
       .input = {299, 299, 3},
       .classes = 1000,
       .make = make_inception_v4,
       .timm = {"inception_v4", "inception_v4.tf_in1k"}},
  };
  return rows;
}

}  // namespace fovea::models
