#include "fovea/report/network_layout.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "fovea/report/svg_parts.h"

namespace fovea::report {

namespace {

using Kind = NetworkLayer::Kind;

constexpr double gap = 18;         // between boxes one below the other
constexpr double bus = 11;         // height above a box at which connections run across
constexpr double fork_gap = 24;    // above and below branches
constexpr double shape_room = 16;  // for a shape written beside a connection
constexpr double column_gap = 12;
constexpr double lane_gap = 14;  // between what is gone round and what goes round it
constexpr double line_height = 28, two_lines_height = 42, bar_height = 24;
constexpr double frame_side = 12, frame_top = 38, frame_bottom = 14;

struct Lane {
  double x = 0;
  double top = 0;      // of what it goes round
  bool inner = false;  // begins at the side of a layer of a tangle
};

// A part of the picture, in pixels right of its axis and below its top.
struct Piece {
  double left = 0, right = 0, height = 0;
  std::vector<NetworkBox> boxes;
  std::vector<NetworkFrame> frames;
  std::vector<NetworkShape> shapes;
  std::map<Skip, Lane> lanes;
  std::vector<NetworkBox> ends;  // the boxes that lead out of it below
};

void put(Piece& whole, const Piece& part, double dx, double dy) {
  auto moved = [&](NetworkBox box) {
    box.x += dx, box.axis += dx, box.y += dy;
    return box;
  };
  for (const NetworkBox& box : part.boxes) whole.boxes.push_back(moved(box));
  for (const NetworkBox& box : part.ends) whole.ends.push_back(moved(box));
  for (NetworkFrame frame : part.frames) {
    frame.x += dx, frame.y += dy;
    whole.frames.push_back(frame);
  }
  for (NetworkShape shape : part.shapes) {
    shape.at.x += dx, shape.at.y += dy;
    whole.shapes.push_back(shape);
  }
  for (const auto& [skip, lane] : part.lanes)
    whole.lanes[skip] = {lane.x + dx, lane.top + dy, lane.inner};
  whole.left = std::max(whole.left, part.left - dx);
  whole.right = std::max(whole.right, part.right + dx);
  whole.height = std::max(whole.height, part.height + dy);
}

class Layouter {
 public:
  Layouter(std::span<const NetworkLayer> layers, int most_rows)
      : layers_(layers), flow_(network_flow(layers, most_rows)), narrow_(layers.size()) {
    mark(flow_.items, layers.size() - 1, false);
    for (size_t i = 0; i < layers.size(); ++i) {
      if (layers[i].kind == Kind::join || flow_.drawn.contains(i)) continue;
      double& width = narrow_[i] ? narrow_width_ : wide_width_;
      width = std::max(width, text_room(i));
    }
  }

  NetworkLayout run() {
    Piece all = run_of(flow_.items, layers_.size() - 1, true);
    NetworkLayout layout{.width = all.left + all.right, .height = all.height};
    Piece placed;
    put(placed, all, all.left, 0);
    layout.boxes = placed.boxes;
    layout.frames = placed.frames;
    layout.shapes = placed.shapes;
    for (const NetworkBox& box : placed.boxes) box_[box.layer] = box;
    for (const NetworkBox& box : placed.boxes)
      for (size_t from : layers_[box.layer].inputs)
        layout.wires.push_back(wire(from, box.layer, placed.lanes));
    return layout;
  }

 private:
  size_t drawn(size_t layer) const {
    auto it = flow_.drawn.find(layer);
    return it == flow_.drawn.end() ? layer : it->second;
  }

  // Whether branches lie around the axis; otherwise the longest is on it and the other beside it.
  bool balanced(const FlowItem& item, size_t to) const {
    if (item.branches.size() != 2) return item.branches.size() > 2;
    return layers_[to].kind == Kind::concat ||
           rows_of(item.branches[0]) == rows_of(item.branches[1]);
  }

  // The layer below item i of a run that leads to `to`.
  static size_t next(const Flow& flow, size_t i, size_t to) {
    return i + 1 < flow.size() && flow[i + 1].kind == FlowItem::Kind::layer ? flow[i + 1].layer
                                                                            : to;
  }

  void mark(const Flow& flow, size_t to, bool narrow) {
    for (size_t i = 0; i < flow.size(); ++i) {
      if (flow[i].kind == FlowItem::Kind::layer) narrow_[flow[i].layer] = narrow;
      const bool split = flow[i].kind == FlowItem::Kind::branches;
      for (const Flow& branch : flow[i].branches)
        mark(branch, next(flow, i, to), narrow || (split && balanced(flow[i], next(flow, i, to))));
    }
  }

  double text_room(size_t layer) const {
    const NetworkLayer& l = layers_[layer];
    if (!narrow_[layer]) return text_width(one_line(l)) + 20;
    return std::max(text_width(l.text), text_width(l.detail)) + 12;
  }

  Piece layer_piece(size_t layer, const std::vector<NetworkBox>& ends) const {
    const NetworkLayer& l = layers_[layer];
    const bool narrow = narrow_[layer];
    const double strips = strip_height * double(l.before.size() + l.after.size());
    Piece p;
    p.left = p.right = (narrow ? narrow_width_ : wide_width_) / 2;
    p.height = (narrow && !l.detail.empty() ? two_lines_height : line_height) + strips;
    if (l.kind == Kind::join) {
      p.left = p.right = circle_size / 2;
      p.height = circle_size + strips + (strips > 0 ? 2 : 0);
    } else if (l.kind == Kind::concat) {
      p.left = p.right = text_room(layer) / 2;
      p.height = bar_height + strips;
      if (ends.size() > 1)
        for (const NetworkBox& end : ends) {
          p.left = std::max(p.left, 14 - end.axis);
          p.right = std::max(p.right, 14 + end.axis);
        }
    }
    p.boxes.push_back(
        {.layer = layer,
         .x = -p.left,
         .width = p.left + p.right,
         .height = p.height,
         .narrow = narrow});
    p.ends = p.boxes;
    return p;
  }

  Piece item_piece(const FlowItem& item, size_t to, const std::vector<NetworkBox>& ends) {
    if (item.kind == FlowItem::Kind::layer) return layer_piece(item.layer, ends);
    if (item.kind == FlowItem::Kind::repeat) return repeat_piece(item, to);
    Piece p = item.kind == FlowItem::Kind::branches ? columns(item, to)
                                                    : run_of(item.branches[0], to, false);
    std::set<size_t> inside;
    for (const NetworkBox& box : p.boxes) inside.insert(box.layer);
    for (const Skip& skip : item.skips) {
      p.right += lane_gap;
      p.lanes[skip] = {p.right, 0, inside.contains(skip.first)};
    }
    if (!item.skips.empty()) p.right += 2;
    return p;
  }

  Piece repeat_piece(const FlowItem& item, size_t to) {
    Piece body = run_of(item.branches[0], to, false), p;
    put(p, body, 0, frame_top);
    p.left += frame_side, p.right += frame_side, p.height += frame_bottom;
    p.frames.push_back(
        {.x = -p.left, .width = p.left + p.right, .height = p.height, .times = item.times});
    return p;
  }

  Piece columns(const FlowItem& item, size_t to) {
    std::vector<Piece> parts;
    for (const Flow& branch : item.branches) parts.push_back(run_of(branch, to, false));
    std::vector<double> at(parts.size());  // axes of the columns
    if (parts.size() == 2 && !balanced(item, to)) {
      if (parts[0].height < parts[1].height) std::swap(parts[0], parts[1]);
      at[1] = parts[0].right + column_gap + parts[1].left;
    } else {
      for (size_t i = 1; i < parts.size(); ++i)
        at[i] = at[i - 1] + parts[i - 1].right + column_gap + parts[i].left;
      const size_t half = parts.size() / 2;
      const double middle =
          parts.size() % 2
              ? at[half]
              : (at[half - 1] + parts[half - 1].right + at[half] - parts[half].left) / 2;
      for (double& x : at) x -= middle;
    }
    Piece p;
    for (size_t i = 0; i < parts.size(); ++i) put(p, parts[i], at[i], 0);
    return p;
  }

  // Items one below the other on the axis.
  Piece run_of(const Flow& flow, size_t to, bool outermost) {
    Piece p;
    std::string written;
    std::vector<NetworkBox> above;
    for (size_t i = 0; i < flow.size(); ++i) {
      const FlowItem& item = flow[i];
      Piece part = item_piece(item, next(flow, i, to), above);
      p.ends.clear();
      put(p, part, 0, p.height);
      above = p.ends;
      if (i + 1 == flow.size()) break;
      const size_t last = item.kind == FlowItem::Kind::repeat ? item.last : item.layer;
      const bool ends = item.kind == FlowItem::Kind::layer || item.kind == FlowItem::Kind::repeat;
      const std::string& shape = layers_[last].shape;
      if (outermost && ends && shape != written && layers_[last].kind != Kind::input) {
        p.shapes.push_back({last, {9, p.height + 15}});
        p.right = std::max(p.right, 9 + text_width(shape, 12));
        p.height += shape_room;
        written = shape;
      }
      auto forks = [](const FlowItem& f) {
        return f.kind == FlowItem::Kind::branches || f.kind == FlowItem::Kind::tangle;
      };
      p.height += forks(item) || forks(flow[i + 1]) ? fork_gap : gap;
    }
    for (const NetworkBox& box : above) joins_.insert({box.layer, to});
    return p;
  }

  NetworkWire wire(size_t from, size_t to, const std::map<Skip, Lane>& lanes) const {
    const NetworkBox &a = box_.at(drawn(from)), &b = box_.at(to);
    const double middle = b.y + (layers_[to].kind == Kind::join ? circle_size : bar_height) / 2;
    // Into the side of b at a height, from x.
    auto side = [&](double x) { return NetworkPoint{x < b.x ? b.x : b.right(), middle}; };
    NetworkWire w{.from = a.layer, .to = to};
    auto lane = lanes.find({from, to});
    if (lane != lanes.end()) {
      const double x = lane->second.x, top = lane->second.top - bus;
      w.skip = true;
      if (lane->second.inner)
        w.points = {{a.right(), a.bottom() - 7}, {x, a.bottom() - 7}};
      else
        w.points = {{a.axis, a.bottom()}, {a.axis, top}, {x, top}};
      if (x > b.x && x < b.right()) {
        w.points.push_back({x, b.y});
      } else {
        w.points.push_back({x, middle});
        w.points.push_back(side(x));
      }
      return w;
    }
    const bool over_bar = layers_[to].kind == Kind::concat && a.axis > b.x && a.axis < b.right();
    w.points.push_back({a.axis, a.bottom()});
    if (over_bar) {
      w.points.push_back({a.axis, b.y});
    } else if (std::abs(a.axis - b.axis) < 0.5) {
      w.points.push_back({b.axis, b.y});
    } else if (layers_[to].kind == Kind::join && joins_.contains({from, to})) {
      w.points.push_back({a.axis, middle});
      w.points.push_back(side(a.axis));
    } else {
      w.points.push_back({a.axis, b.y - bus});
      w.points.push_back({b.axis, b.y - bus});
      w.points.push_back({b.axis, b.y});
    }
    return w;
  }

  std::span<const NetworkLayer> layers_;
  NetworkFlow flow_;
  std::vector<bool> narrow_;
  double wide_width_ = 110, narrow_width_ = 60;
  std::map<size_t, NetworkBox> box_;
  std::set<Skip> joins_;  // ends of branches and what they lead to
};

}  // namespace

std::string one_line(const NetworkLayer& l) {
  return l.detail.empty() ? l.text : l.text + ", " + l.detail;
}

NetworkLayout network_layout(std::span<const NetworkLayer> layers, int most_rows) {
  return Layouter(layers, most_rows).run();
}

}  // namespace fovea::report
