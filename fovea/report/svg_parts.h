#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/image/image.h"
#include "fovea/report/svg.h"

// What the charts share.
namespace fovea::report {

inline constexpr double text_size = 13;
inline constexpr int series_colours = 8;  // classes s0 to s7

// Estimated width in pixels of a text in the charts' font, rather too wide than too narrow.
double text_width(std::string_view text, double size = text_size);

// The text, cut with an ellipsis where it is wider.
std::string fit_text(std::string_view text, double width, double size = text_size);

// A style of these rules, each of the form ".fv .class{...}", which may use the charts' colours:
// var(--ink) and others, and var(--c), that of the element's series. Where `plain`, programs that
// know no variables, as most but browsers, see fixed colours.
std::string style_element(std::string_view rules, bool plain);

// The opening tag, title, description, style, and the heading drawn at the top left. A picture with
// a margin has a background of its own, for use as a file.
std::string open_svg(
    double width,
    double height,
    const std::string& title,
    const std::string& description,
    double margin = 0);

enum class Anchor { start, middle, end };
std::string svg_text(
    double x, double y, Anchor anchor, std::string_view text, std::string_view attributes = "");

// Marks and names of two or more series from `top` on, in as many lines as they need; returns the
// height used.
enum class LegendMark { line, dot };
double draw_legend(
    std::span<const std::string> names,
    LegendMark mark,
    double width,
    double top,
    std::string& out);
// A picture as PNG inside an address, for src and href.
std::string png_address(const image::Image& picture);

// The markup turned about (x, y).
std::string rotated(double degrees, double x, double y, std::string_view markup);

// A printed number with the typographic minus for the hyphen.
std::string minus_sign(std::string number);

// Labels of an axis: as many decimals as the distance of the ticks needs, k and M for thousands.
std::vector<std::string> tick_labels(const std::vector<double>& ticks, Unit unit);

// One value as it is read out: four significant digits, or per cent with one decimal.
std::string format_value(double value, Unit unit);

}  // namespace fovea::report
