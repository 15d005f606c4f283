#include "fovea/nn/conv.h"

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/ops/elementwise.h"

namespace fovea::nn {

namespace {

void check_channels(const char* layer, const Tensor& x, int64_t in) {
  if (x.rank() == 4 && x.dim(-1) == in) return;
  std::string fix = "images are (N, H, W, C)";
  if (x.rank() == 4 && x.dim(1) == in)
    fix = "this looks like (N, C, H, W); images are (N, H, W, C)";
  if (x.rank() == 4 && x.dim(-1) == 1 && in == 3) fix = "convert the grey images to RGB";
  if (x.rank() == 4 && x.dim(-1) == 4 && in == 3) fix = "drop the alpha channel";
  throw std::invalid_argument(fmt::format(
      "[{}] expected (N, H, W, {}), got shape {}; {}", layer, in, x.shape().str(), fix));
}

void check_sizes(const char* layer, int64_t in, int64_t out, int groups) {
  if (in >= 1 && out >= 1 && groups >= 1 && in % groups == 0 && out % groups == 0) return;
  throw std::invalid_argument(fmt::format(
      "[{}] expected in and out channels divisible by groups, got in {}, out {}, groups {}",
      layer,
      in,
      out,
      groups));
}

}  // namespace

Conv2d::Conv2d(const Options& o) : o_(o) {
  check_sizes("Conv2d", o.in, o.out, o.conv.groups);
  weight_ = shaped({o.out, o.kernel[0], o.kernel[1], o.in / o.conv.groups});
  if (o.bias) bias_ = shaped({o.out});
}

Tensor Conv2d::forward(const Tensor& x, Ctx&) const {
  check_channels("Conv2d", x, o_.in);
  return bias_ ? conv2d(x, weight_, *bias_, o_.conv) : conv2d(x, weight_, o_.conv);
}

Tensor Conv2d::forward_relu(const Tensor& x, Ctx&) const {
  check_channels("Conv2d", x, o_.in);
  FOVEA_ASSERT(bias_);
  return conv2d_relu(x, weight_, *bias_, o_.conv);
}

void Conv2d::visit(Visitor& v) {
  v.param("weight", weight_, {.layout = Layout::conv, .init = o_.init});
  if (bias_) v.param("bias", *bias_, {.init = o_.bias_init});
}

Conv2d::Options same_conv(int64_t in, int64_t out, int64_t kernel, int stride) {
  int pad = int(kernel / 2);
  return {
      .in = in,
      .out = out,
      .kernel = {kernel, kernel},
      .conv = {.stride = {stride, stride}, .pad = {pad, pad, pad, pad}}};
}

ConvTranspose2d::ConvTranspose2d(const Options& o) : o_(o) {
  check_sizes("ConvTranspose2d", o.in, o.out, o.conv.groups);
  weight_ = shaped({o.in, o.kernel[0], o.kernel[1], o.out / o.conv.groups});
  if (o.bias) bias_ = shaped({o.out});
}

Tensor ConvTranspose2d::forward(const Tensor& x, Ctx&) const {
  check_channels("ConvTranspose2d", x, o_.in);
  Shape out = conv2d_transpose_shape(x.shape(), weight_.shape(), o_.conv, o_.output_pad);
  Tensor y = conv2d_transpose(x, weight_, out, o_.conv);
  return bias_ ? y + *bias_ : y;
}

void ConvTranspose2d::visit(Visitor& v) {
  v.param("weight", weight_, {.layout = Layout::conv_transpose, .init = o_.init});
  if (bias_) v.param("bias", *bias_);
}

}  // namespace fovea::nn
