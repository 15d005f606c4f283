#pragma once

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "fovea/report/network_layout.h"
#include "fovea/report/svg_parts.h"

namespace fovea::report {

// Whether the inside of a box and a line across or down have a point in common.
inline bool crosses(const NetworkBox& box, NetworkPoint a, NetworkPoint b) {
  constexpr double edge = 0.1;
  return std::max(a.x, b.x) > box.x + edge && std::min(a.x, b.x) < box.right() - edge &&
         std::max(a.y, b.y) > box.y + edge && std::min(a.y, b.y) < box.bottom() - edge;
}

inline bool overlap(const NetworkBox& a, const NetworkBox& b) {
  return a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom();
}

// That boxes lie apart and inside the picture and hold their text, that every connection leads from
// the edge of a box to that of another and touches no third one, and that none is missing.
inline void expect_readable(const NetworkLayout& layout, std::span<const NetworkLayer> layers) {
  std::map<size_t, NetworkBox> boxes;
  for (const NetworkBox& box : layout.boxes) {
    EXPECT_TRUE(boxes.insert({box.layer, box}).second) << "layer " << box.layer << " drawn twice";
    EXPECT_GE(box.x, 0);
    EXPECT_LE(box.right(), layout.width);
    EXPECT_LE(box.bottom(), layout.height);
    const NetworkLayer& l = layers[box.layer];
    if (l.kind == NetworkLayer::Kind::join) continue;
    EXPECT_LE(text_width(box.narrow ? l.text : one_line(l)), box.width) << one_line(l);
  }
  for (size_t i = 0; i < layout.boxes.size(); ++i)
    for (size_t k = 0; k < i; ++k)
      EXPECT_FALSE(overlap(layout.boxes[i], layout.boxes[k]))
          << layout.boxes[i].layer << " and " << layout.boxes[k].layer;
  std::map<size_t, size_t> entering;
  for (const NetworkWire& wire : layout.wires) {
    ASSERT_TRUE(boxes.contains(wire.from) && boxes.contains(wire.to));
    ++entering[wire.to];
    const NetworkPoint first = wire.points.front(), last = wire.points.back();
    const NetworkBox &from = boxes[wire.from], &to = boxes[wire.to];
    EXPECT_TRUE(first.y == from.bottom() || first.x == from.right()) << wire.from;
    EXPECT_TRUE(last.y == to.y || last.x == to.x || last.x == to.right()) << wire.to;
    EXPECT_TRUE(last.x >= to.x && last.x <= to.right() && last.y >= to.y && last.y <= to.bottom());
    for (size_t i = 1; i < wire.points.size(); ++i) {
      const NetworkPoint a = wire.points[i - 1], b = wire.points[i];
      EXPECT_TRUE(a.x == b.x || a.y == b.y) << "a slanting line";
      EXPECT_LE(std::max(a.x, b.x), layout.width);
      for (const NetworkBox& box : layout.boxes)
        EXPECT_FALSE(crosses(box, a, b))
            << wire.from << " to " << wire.to << " runs through " << box.layer;
    }
  }
  for (const auto& [layer, box] : boxes)
    EXPECT_EQ(entering[layer], layers[layer].inputs.size()) << "layer " << layer;
}

}  // namespace fovea::report
