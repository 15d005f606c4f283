#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/image/image.h"
#include "fovea/report/svg.h"
#include "fovea/report/table.h"

namespace fovea::report {

enum class Tone : uint8_t { neutral, good, warning, bad };

// One figure to see at a glance: "Accuracy", "92.6 %", "+0.4 since the last run".
struct Card {
  std::string label, value;
  std::string detail = {};
  Tone tone = Tone::neutral;
};

struct Figure {
  Svg chart;
  std::string caption = {};
};

struct Picture {
  image::Image image;  // small ones are shown enlarged, with their pixels sharp
  std::string title = {}, detail = {};
  Tone tone = Tone::neutral;
  std::optional<double> share = {};  // of 1, drawn as a bar: a confidence
};

// One HTML file that needs nothing else: style, charts and pictures (PNG) are inside, a content
// security policy forbids every request, and there is no script. Reads well on phones, on paper and
// in dark rooms. All text is escaped; what is added lands in the section begun last.
class HtmlReport {
 public:
  explicit HtmlReport(std::string title, std::string subtitle = {});

  void section(std::string title);  // two or more are linked from the top of the page
  void paragraph(std::string_view text);
  void note(Tone tone, std::string_view text);
  void cards(std::span<const Card> cards);
  void table(const Table& table, std::string_view caption = {});
  void code(std::string_view text, std::string_view caption = {});  // keeps spaces and lines
  void figures(std::span<const Figure> figures);                    // two beside each other
  void picture(const Picture& picture);                             // in its own size
  void gallery(std::span<const Picture> pictures);                  // a grid of equal cells

  std::string html() const;
  void write(const std::filesystem::path& path) const;  // atomic; throws IoError

 private:
  struct Section {
    std::string title, body;
  };
  std::string& body();

  std::string title_, subtitle_;
  std::vector<Section> sections_;
};

}  // namespace fovea::report
