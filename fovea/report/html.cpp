#include "fovea/report/html.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "fovea/core/atomic_file.h"
#include "fovea/core/base64.h"
#include "fovea/image/encode.h"
#include "fovea/report/html_style.h"
#include "fovea/report/markup.h"

namespace fovea::report {

namespace {

constexpr int small_side = 128;  // pictures up to here keep their pixels sharp when enlarged

std::string_view name_of(Tone tone) {
  constexpr std::string_view names[] = {"neutral", "good", "warning", "bad"};
  return names[int(tone)];
}

// An element around an escaped text, or nothing for no text.
std::string element(std::string_view tag, std::string_view text) {
  return text.empty() ? "" : fmt::format("<{0}>{1}</{0}>", tag, escape(text));
}

std::string image_tag(const Picture& picture) {
  const image::Image& img = picture.image;
  std::vector<uint8_t> png = image::encode_png(img);
  std::string alternative = picture.title;
  if (!picture.title.empty() && !picture.detail.empty()) alternative += ", ";
  alternative += picture.detail;
  return fmt::format(
      R"(<img{} width="{}" height="{}" alt="{}" src="data:image/png;base64,{}">)",
      std::max(img.width, img.height) <= small_side ? R"( class="px")" : "",
      img.width,
      img.height,
      escape(alternative),
      base64(std::as_bytes(std::span(png))));
}

std::string picture_figure(const Picture& picture, std::string_view classes) {
  std::string caption = element("b", picture.title) + escape(picture.detail);
  if (picture.share)
    caption += fmt::format(
        R"(<span class="share"><i style="width:{:.1f}%"></i></span>)",
        std::clamp(*picture.share, 0.0, 1.0) * 100);
  if (!caption.empty()) caption = "<figcaption>" + caption + "</figcaption>";
  return fmt::format(
      R"(<figure class="{}{}">{}{}</figure>)",
      classes,
      name_of(picture.tone),
      image_tag(picture),
      caption);
}

}  // namespace

HtmlReport::HtmlReport(std::string title, std::string subtitle)
    : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

void HtmlReport::section(std::string title) { sections_.push_back({std::move(title), {}}); }

std::string& HtmlReport::body() {
  if (sections_.empty()) sections_.emplace_back();  // before the first heading
  return sections_.back().body;
}

void HtmlReport::paragraph(std::string_view text) { body() += element("p", text) + '\n'; }

void HtmlReport::note(Tone tone, std::string_view text) {
  body() += fmt::format("<div class=\"note {}\">{}</div>\n", name_of(tone), escape(text));
}

void HtmlReport::cards(std::span<const Card> cards) {
  std::string out = "<dl class=\"cards\">";
  for (const Card& card : cards) {
    out += fmt::format(
        R"(<div class="card {}"><dt>{}</dt><dd class="value">{}</dd>)",
        name_of(card.tone),
        escape(card.label),
        escape(card.value));
    if (!card.detail.empty()) out += "<dd class=\"detail\">" + escape(card.detail) + "</dd>";
    out += "</div>";
  }
  body() += out + "</dl>\n";
}

void HtmlReport::table(const Table& table, std::string_view caption) {
  check_table(table);
  std::vector<bool> numeric = numeric_columns(table);
  auto row_of = [&](const std::vector<std::string>& cells, bool head) {
    std::string row = "<tr>";
    for (size_t c = 0; c < table.columns.size(); ++c)
      row += fmt::format(
          "<{0}{1}>{2}</{0}>",
          head ? "th" : "td",
          numeric[c] ? " class=\"n\"" : "",
          c < cells.size() ? escape(cells[c]) : "");
    return row + "</tr>\n";
  };
  std::string out = "<div class=\"table\"><table>" + element("caption", caption) + "<thead>" +
                    row_of(table.columns, true) + "</thead><tbody>";
  for (const auto& row : table.rows) out += row_of(row, false);
  body() += out + "</tbody></table></div>\n";
}

void HtmlReport::code(std::string_view text, std::string_view caption) {
  body() += "<figure class=\"code\">" + element("figcaption", caption) + element("pre", text) +
            "</figure>\n";
}

void HtmlReport::figures(std::span<const Figure> figures) {
  std::string out = "<div class=\"figures\">";
  for (const Figure& figure : figures)
    out += "<figure>" + figure.chart.markup + element("figcaption", figure.caption) + "</figure>";
  body() += out + "</div>\n";
}

void HtmlReport::picture(const Picture& picture) {
  body() += picture_figure(picture, "picture ") + '\n';
}

void HtmlReport::gallery(std::span<const Picture> pictures) {
  std::string out = "<div class=\"gallery\">";
  for (const Picture& picture : pictures) out += picture_figure(picture, "");
  body() += out + "</div>\n";
}

std::string HtmlReport::html() const {
  std::string links, content;
  for (size_t i = 0; i < sections_.size(); ++i) {
    const Section& section = sections_[i];
    if (!section.title.empty())
      links += fmt::format("<li><a href=\"#s{}\">{}</a></li>", i, escape(section.title));
    content += fmt::format(
        "<section id=\"s{}\">\n{}\n{}</section>\n", i, element("h2", section.title), section.body);
  }
  if (sections_.size() > 1)
    links = "<nav aria-label=\"Sections\"><ul>" + links + "</ul></nav>\n";
  else
    links.clear();
  std::string subtitle = subtitle_.empty() ? "" : "<p class=\"sub\">" + escape(subtitle_) + "</p>";
  return fmt::format(
      R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none';img-src data:;style-src 'unsafe-inline'">
<title>{0}</title>
<style>{1}</style>
</head>
<body>
<header><h1>{0}</h1>{2}</header>
{3}<main>
{4}</main>
</body>
</html>
)",
      escape(title_),
      html_style,
      subtitle,
      links,
      content);
}

void HtmlReport::write(const std::filesystem::path& path) const { write_file_atomic(path, html()); }

}  // namespace fovea::report
