#include "fovea/models/inception_resnet_v2.h"

#include "fovea/models/branches.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/conv.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/elementwise.h"

namespace fovea::models {

namespace {

using Ways = std::vector<Branch>;

Ways mixed_5b() {
  return {
      {{conv("branch0", 96)}},
      {{conv("branch1.0", 48), conv("branch1.1", 64, {5, 5})}},
      {{conv("branch2.0", 64), conv("branch2.1", 96, {3, 3}), conv("branch2.2", 96, {3, 3})}},
      {{avg_pool("branch3.0", false), conv("branch3.1", 64)}}};
}

// Figure 16 of the paper.
Ways block_35() {
  return {
      {{conv("branch0", 32)}},
      {{conv("branch1.0", 32), conv("branch1.1", 32, {3, 3})}},
      {{conv("branch2.0", 32), conv("branch2.1", 48, {3, 3}), conv("branch2.2", 64, {3, 3})}}};
}

// Figure 7 with the widths of table 1.
Ways mixed_6a() {
  return {
      {{valid_conv("branch0", 384, 2)}},
      {{conv("branch1.0", 256), conv("branch1.1", 256, {3, 3}), valid_conv("branch1.2", 384, 2)}},
      {{max_pool("branch2", 2)}}};
}

// Figure 17.
Ways block_17() {
  return {
      {{conv("branch0", 192)}},
      {{conv("branch1.0", 128), conv("branch1.1", 160, {1, 7}), conv("branch1.2", 192, {7, 1})}}};
}

// Figure 18.
Ways mixed_7a() {
  return {
      {{conv("branch0.0", 256), valid_conv("branch0.1", 384, 2)}},
      {{conv("branch1.0", 256), valid_conv("branch1.1", 288, 2)}},
      {{conv("branch2.0", 256), conv("branch2.1", 288, {3, 3}), valid_conv("branch2.2", 320, 2)}},
      {{max_pool("branch3", 2)}}};
}

// Figure 19.
Ways block_8() {
  return {
      {{conv("branch0", 192)}},
      {{conv("branch1.0", 192), conv("branch1.1", 224, {1, 3}), conv("branch1.2", 256, {3, 1})}}};
}

// y = [relu](x + scale conv2d(branches(x))) (section 3.3).
class Block : public nn::Module {
 public:
  struct Options {
    int64_t in = 0;
    double scale = 1;
    bool relu = true;
  };
  Block(const Ways& ways, const Options& o)
      : o_(o), branches_(o.in, ways), conv2d_(nn::same_conv(branches_.out(), o.in, 1)) {}

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    Tensor y = x + ctx.run("conv2d", conv2d_, branches_.forward(x, ctx)) * o_.scale;
    return o_.relu ? relu(y) : y;
  }
  void visit(Visitor& v) override {
    branches_.visit(v);
    v.child("conv2d", conv2d_);
  }

 private:
  Options o_;
  Branches branches_;
  nn::Conv2d conv2d_;
};

std::unique_ptr<nn::Module> make_inception_resnet_v2(const MakeOptions& o) {
  auto net = std::make_unique<nn::Sequential>();
  int64_t in = o.input[2];
  auto layer = [&](const BranchLayer& l) {
    net->add(std::string(l.name), make_layer(in, l, true));
    if (l.out) in = l.out;
  };
  auto mixed = [&](const char* name, const Ways& ways) {
    auto m = std::make_unique<Branches>(in, ways);
    in = m->out();
    net->add(name, std::move(m));
  };
  struct Blocks {
    int count;
    double scale;
  };
  auto repeat = [&](const char* name, const Ways& ways, const Blocks& b) {
    auto list = std::make_unique<nn::Sequential>();
    for (int i = 0; i < b.count; ++i)
      list->add(std::make_unique<Block>(ways, Block::Options{.in = in, .scale = b.scale}));
    net->add(name, std::move(list));
  };
  layer(valid_conv("conv2d_1a", 32, 2));
  layer(valid_conv("conv2d_2a", 32));
  layer(conv("conv2d_2b", 64, {3, 3}));
  layer(max_pool("maxpool_3a", 2));
  layer(conv("conv2d_3b", 80));
  layer(valid_conv("conv2d_4a", 192));
  layer(max_pool("maxpool_5a", 2));
  mixed("mixed_5b", mixed_5b());
  repeat("repeat", block_35(), {10, 0.17});
  mixed("mixed_6a", mixed_6a());
  repeat("repeat_1", block_17(), {20, 0.1});
  mixed("mixed_7a", mixed_7a());
  repeat("repeat_2", block_8(), {9, 0.2});
  net->emplace<Block>("block8", block_8(), Block::Options{.in = in, .relu = false});
  layer(conv("conv2d_7b", 1536));
  net->emplace<nn::GlobalAvgPool>("global_pool");
  net->emplace<nn::Dropout>("head_drop", nn::Dropout::Options{.rate = 0.2});
  net->emplace<nn::Linear>("classif", nn::Linear::Options{.in = in, .out = o.classes});
  return net;
}

}  // namespace

std::span<const Entry> inception_resnet_v2_entries() {
  static const Entry rows[] = {
      {.name = "inception_resnet_v2",
       .paper = "Szegedy et al. 2017, Inception-v4, Inception-ResNet",
       .input = {299, 299, 3},
       .classes = 1000,
       .make = make_inception_resnet_v2,
       .timm = {"inception_resnet_v2", "inception_resnet_v2.tf_in1k"}},
  };
  return rows;
}

}  // namespace fovea::models
