#include "fovea/models/inception_v3.h"

#include "fovea/models/branches.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"

namespace fovea::models {

namespace {

using Ways = std::vector<Branch>;

// Figure 5 of the paper, with a 5x5 convolution left whole.
Ways module_35(int64_t proj) {
  return {
      {{conv("branch1x1", 64)}},
      {{conv("branch5x5_1", 48), conv("branch5x5_2", 64, {5, 5})}},
      {{conv("branch3x3dbl_1", 64),
        conv("branch3x3dbl_2", 96, {3, 3}),
        conv("branch3x3dbl_3", 96, {3, 3})}},
      {{avg_pool("pool", true), conv("branch_pool", proj)}}};
}

// Figure 10: to half the size.
Ways reduction_35() {
  return {
      {{valid_conv("branch3x3", 384, 2)}},
      {{conv("branch3x3dbl_1", 64),
        conv("branch3x3dbl_2", 96, {3, 3}),
        valid_conv("branch3x3dbl_3", 96, 2)}},
      {{max_pool("pool", 2)}}};
}

// Figure 6: 7x7 convolutions as pairs of 1x7 and 7x1 ones.
Ways module_17(int64_t width) {
  return {
      {{conv("branch1x1", 192)}},
      {{conv("branch7x7_1", width),
        conv("branch7x7_2", width, {1, 7}),
        conv("branch7x7_3", 192, {7, 1})}},
      {{conv("branch7x7dbl_1", width),
        conv("branch7x7dbl_2", width, {7, 1}),
        conv("branch7x7dbl_3", width, {1, 7}),
        conv("branch7x7dbl_4", width, {7, 1}),
        conv("branch7x7dbl_5", 192, {1, 7})}},
      {{avg_pool("pool", true), conv("branch_pool", 192)}}};
}

Ways reduction_17() {
  return {
      {{conv("branch3x3_1", 192), valid_conv("branch3x3_2", 320, 2)}},
      {{conv("branch7x7x3_1", 192),
        conv("branch7x7x3_2", 192, {1, 7}),
        conv("branch7x7x3_3", 192, {7, 1}),
        valid_conv("branch7x7x3_4", 192, 2)}},
      {{max_pool("pool", 2)}}};
}

// Figure 7: 3x3 convolutions as a 1x3 and a 3x1 one side by side.
Ways module_8() {
  return {
      {{conv("branch1x1", 320)}},
      {{conv("branch3x3_1", 384)},
       {conv("branch3x3_2a", 384, {1, 3}), conv("branch3x3_2b", 384, {3, 1})}},
      {{conv("branch3x3dbl_1", 448), conv("branch3x3dbl_2", 384, {3, 3})},
       {conv("branch3x3dbl_3a", 384, {1, 3}), conv("branch3x3dbl_3b", 384, {3, 1})}},
      {{avg_pool("pool", true), conv("branch_pool", 192)}}};
}

std::unique_ptr<nn::Module> head(int64_t in, int64_t classes) {
  auto net = std::make_unique<nn::Sequential>();
  net->emplace<HeadPool>("pool", 5);
  net->add("conv0", make_layer(in, conv("conv0", 128), true));
  net->add(
      "conv1",
      make_layer(128, {.name = "conv1", .out = 768, .kernel = {5, 5}, .pad = false}, true));
  net->emplace<nn::GlobalAvgPool>("avgpool");
  net->emplace<nn::Linear>("fc", nn::Linear::Options{.in = 768, .out = classes});
  return std::make_unique<nn::AuxiliaryHead>(std::move(net), 0.3);
}

std::unique_ptr<nn::Module> make_inception_v3(const MakeOptions& o) {
  auto net = std::make_unique<nn::Sequential>();
  int64_t in = o.input[2];
  auto layer = [&](const BranchLayer& l) {
    net->add(std::string(l.name), make_layer(in, l, true));
    if (l.out) in = l.out;
  };
  auto mixed = [&](const char* name, const Ways& ways) {
    auto m = std::make_unique<Branches>(in, ways);
    in = m->out();
    net->add(std::string("Mixed_") + name, std::move(m));
  };
  layer(valid_conv("Conv2d_1a_3x3", 32, 2));
  layer(valid_conv("Conv2d_2a_3x3", 32));
  layer(conv("Conv2d_2b_3x3", 64, {3, 3}));
  layer(max_pool("maxpool1", 2));
  layer(conv("Conv2d_3b_1x1", 80));
  layer(valid_conv("Conv2d_4a_3x3", 192));
  layer(max_pool("maxpool2", 2));
  mixed("5b", module_35(32));
  mixed("5c", module_35(64));
  mixed("5d", module_35(64));
  mixed("6a", reduction_35());
  mixed("6b", module_17(128));
  mixed("6c", module_17(160));
  mixed("6d", module_17(160));
  mixed("6e", module_17(192));
  net->add("AuxLogits", head(in, o.classes));
  mixed("7a", reduction_17());
  mixed("7b", module_8());
  mixed("7c", module_8());
  net->emplace<nn::GlobalAvgPool>("avgpool");
  net->emplace<nn::Dropout>("dropout", nn::Dropout::Options{.rate = 0.5});
  net->emplace<nn::Linear>("fc", nn::Linear::Options{.in = in, .out = o.classes});
  return net;
}

}  // namespace

std::span<const Entry> inception_v3_entries() {
  static const Entry rows[] = {
      {.name = "inception_v3",
       .paper = "Szegedy et al. 2016, Rethinking the inception architecture",
       .input = {299, 299, 3},
       .classes = 1000,
       .make = make_inception_v3,
       .torchvision = {"inception_v3", "Inception_V3_Weights.IMAGENET1K_V1"},
       .timm = {"inception_v3", "inception_v3.tv_in1k"}},
  };
  return rows;
}

}  // namespace fovea::models
