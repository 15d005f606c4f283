// The paths of all optimisers on the surfaces of fovea/optim/surfaces.h. Prints where each ends;
// with a file name, `example_optimizer_paths paths.png`, also draws them as an animated PNG.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <span>
#include <string>

#include "fovea/core/atomic_file.h"
#include "fovea/core/eval.h"
#include "fovea/image/draw.h"
#include "fovea/image/encode.h"
#include "fovea/ops/shape.h"
#include "fovea/optim/factory.h"
#include "fovea/optim/lbfgs.h"
#include "fovea/optim/newton.h"
#include "fovea/optim/surfaces.h"

using namespace fovea;
using optim::Surface;

constexpr int steps = 100, every = 5;               // of a path; per frame
constexpr int width = 300, height = 200, bar = 16;  // of a panel; of its title

struct Point {
  double x, y;
};

struct Method {
  const char* label;
  optim::Settings settings;  // without a learning rate: the methods with a line search
  double lr[5];              // for each surface, the best of a few
  image::Color color;
};

const Method methods[] = {
    {"sgd", {{"name", "sgd"}}, {0.9, 1e-3, 1e-2, 0.1, 1e-2}, {40, 40, 40}},
    {"momentum",
     {{"name", "sgd"}, {"momentum", "0.9"}},
     {0.1, 4e-4, 3e-3, 0.03, 3e-3},
     {200, 30, 30}},
    {"nesterov",
     {{"name", "sgd"}, {"momentum", "0.9"}, {"nesterov", "true"}},
     {0.1, 4e-4, 3e-3, 0.03, 3e-3},
     {240, 140, 0}},
    {"adagrad", {{"name", "adagrad"}}, {0.9, 0.3, 0.5, 0.3, 0.8}, {150, 90, 30}},
    {"rmsprop", {{"name", "rmsprop"}}, {0.1, 0.03, 0.05, 0.05, 0.1}, {30, 150, 30}},
    {"adam", {{"name", "adam"}}, {0.3, 0.1, 0.1, 0.1, 0.3}, {20, 80, 220}},
    {"lbfgs", {}, {}, {200, 20, 200}},
    {"newton", {}, {}, {0, 160, 170}},
};

Tensor number(double x) { return Tensor::from({x}, {}, {Device::ref}); }
Point point_of(const Tree& p) { return {p.at("x").item<double>(), p.at("y").item<double>()}; }

std::vector<Point> path_of(const Method& m, const Surface& s, size_t index) {
  Tree p{{"x", number(s.start[0])}, {"y", number(s.start[1])}};
  const optim::Objective f = [&](const Tree& t) { return s.f(t.at("x"), t.at("y")); };
  std::vector<Point> path{point_of(p)};
  optim::Lbfgs lbfgs;
  optim::Newton newton;
  std::unique_ptr<optim::Optimizer> optimizer;
  if (!m.settings.empty()) {
    optimizer = optim::make_optimizer(m.settings);
    optimizer->set_lr(m.lr[index]);
  }
  for (int i = 0; i < steps; ++i) {
    if (optimizer) {
      optimizer->step(p, optim::unflatten(optim::value_and_slope(f, p).slope, p));
      eval(values_of(p));
    } else if (m.label == std::string("lbfgs")) {
      lbfgs.step(p, f);
    } else {
      newton.step(p, f);
    }
    path.push_back(point_of(p));
  }
  return path;
}

// Bands of equal log(1 + value - least), and the minima as white squares.
image::Image background(const Surface& s) {
  std::vector<double> xs, ys;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      xs.push_back(s.view[0] + (s.view[1] - s.view[0]) * (x + 0.5) / width);
      ys.push_back(s.view[3] - (s.view[3] - s.view[2]) * (y + 0.5) / height);
    }
  const Shape shape{height, width};
  const Tensor z =
      s.f(Tensor::from(xs, shape, {Device::ref}), Tensor::from(ys, shape, {Device::ref}));
  const auto values = z.eval().data<double>();
  double most = 0;
  for (double v : values) most = std::max(most, std::log1p(v - s.least));
  image::Image picture(height, width, 3);
  for (size_t i = 0; i < values.size(); ++i) {
    const int band = int(10 * std::log1p(std::max(values[i] - s.least, 0.0)) / most);
    const uint8_t shade[] = {
        uint8_t(252 - 10 * band), uint8_t(250 - 8 * band), uint8_t(246 - 4 * band)};
    std::copy_n(shade, 3, &picture.pixels[3 * i]);
  }
  return picture;
}

struct Panel {
  const Surface& s;
  int top, left;

  std::pair<int, int> place(const Point& p) const {  // row, column
    auto along = [](double share, int size) {
      return int(std::floor(std::clamp(share, -1.0, 2.0) * size));
    };
    return {
        along((s.view[3] - p.y) / (s.view[3] - s.view[2]), height),
        along((p.x - s.view[0]) / (s.view[1] - s.view[0]), width)};
  }
};

void draw_path(
    image::Image& picture,
    const Panel& panel,
    const std::vector<Point>& path,
    size_t from,
    size_t to,
    image::Color color) {
  for (size_t i = from; i < to; ++i) {
    const auto a = panel.place(path[i]), b = panel.place(path[i + 1]);
    image::draw_line(picture, a.first, a.second, b.first, b.second, color);
    image::draw_line(picture, a.first + 1, a.second, b.first + 1, b.second, color);
  }
}

int main(int argc, char** argv) {
  std::vector<std::vector<std::vector<Point>>> paths;  // by surface and method
  for (const Surface& s : optim::surfaces()) {
    std::printf("%s: %s\n  %s\n", s.name.data(), s.formula.data(), s.shows.data());
    paths.emplace_back();
    for (const Method& m : methods) {
      paths.back().push_back(path_of(m, s, paths.size() - 1));
      const Point end = paths.back().back().back();
      const double f = s.f(number(end.x), number(end.y)).item<double>();
      std::printf("  %-9s ends at (%7.3f, %7.3f), f = %9.3g\n", m.label, end.x, end.y, f - s.least);
    }
  }
  if (argc < 2) return 0;

  // Panels two by three, the last place for the names.
  image::Image sheet(2 * (height + bar), 3 * width, 3, 255);
  std::vector<Panel> panels;
  std::vector<image::Image> pictures;
  for (const Surface& s : optim::surfaces()) {
    const int k = int(panels.size());
    const Panel& panel =
        panels.emplace_back(Panel{s, (k / 3) * (height + bar) + bar, (k % 3) * width});
    const std::string title = std::string(s.name) + ": " + std::string(s.formula);
    image::draw_text(
        sheet, panel.top - 12, panel.left + 4, image::fit_text(title, width - 8), {0, 0, 0});
    image::Image& picture = pictures.emplace_back(background(s));
    for (const auto& m : s.minima) {
      const auto at = panel.place({m[0], m[1]});
      image::fill_rect(picture, {at.first - 3, at.second - 3, 7, 7}, {0, 0, 0});
      image::fill_rect(picture, {at.first - 2, at.second - 2, 5, 5}, {255, 255, 255});
    }
  }
  int row = height + bar + 30;
  for (const Method& m : methods) {
    image::fill_rect(sheet, {row + 3, 2 * width + 30, 3, 30}, m.color);
    image::draw_text(sheet, row, 2 * width + 70, m.label, {0, 0, 0});
    row += 18;
  }
  std::vector<image::Image> frames;
  for (size_t step = 0; step <= size_t(steps); step += every) {
    for (size_t k = 0; k < panels.size(); ++k) {
      if (step > 0)
        for (size_t m = 0; m < std::size(methods); ++m)
          draw_path(pictures[k], panels[k], paths[k][m], step - every, step, methods[m].color);
      image::paste(sheet, pictures[k], panels[k].top, panels[k].left);
    }
    image::fill_rect(sheet, {row + 10, 2 * width + 30, 10, 80}, {255, 255, 255});
    image::draw_text(sheet, row + 10, 2 * width + 30, "step " + std::to_string(step), {0, 0, 0});
    frames.push_back(sheet);
  }
  for (int i = 0; i < 10; ++i) frames.push_back(sheet);  // the end, for a while
  const auto bytes = image::encode_apng(frames, 120);
  write_file_atomic(argv[1], std::as_bytes(std::span(bytes)));
  std::printf("%s: %zu frames, %zu bytes\n", argv[1], frames.size(), bytes.size());
}
