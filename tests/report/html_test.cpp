#include "fovea/report/html.h"

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <unistd.h>

#include "fovea/core/errors.h"
#include "tests/report/check_markup.h"

namespace fovea::report {
namespace {

HtmlReport sample() {
  HtmlReport report("Run <7>", "seed & all");
  report.section("Summary");
  std::vector<Card> cards{{"Accuracy", "92 %", "+1", Tone::good}, {"<b>", "1"}};
  report.cards(cards);
  report.paragraph("a < b");
  report.note(Tone::warning, "\"careful\"");
  report.section("Details & more");
  report.table({{"class", "recall"}, {{"<cat>", "9 %"}, {"dog"}}}, "By class");
  report.code("x = \"<y>\"", "recipe");
  std::vector<Figure> figures{{line_chart({.title = "Loss"}), "it <falls>"}};
  report.figures(figures);
  std::vector<Picture> pictures{
      {image::Image(2, 3, 3, 128), "dog", "is cat", Tone::bad, 0.93},
      {image::Image(300, 200, 1), "", "", Tone::neutral, {}}};
  report.gallery(pictures);
  report.picture({image::Image(2, 2, 4), "a \"b\"", ""});
  return report;
}

TEST(HtmlReport, IsWellFormedAndEscaped) {
  std::string page = sample().html();
  EXPECT_TRUE(is_well_formed(as_xml(page)));
  EXPECT_NE(page.find("<title>Run &lt;7&gt;</title>"), page.npos);
  EXPECT_NE(page.find("<p class=\"sub\">seed &amp; all</p>"), page.npos);
  EXPECT_NE(page.find("<h2>Details &amp; more</h2>"), page.npos);
  EXPECT_NE(page.find("<p>a &lt; b</p>"), page.npos);
  EXPECT_NE(page.find("<div class=\"note warning\">&quot;careful&quot;</div>"), page.npos);
  EXPECT_NE(page.find("<pre>x = &quot;&lt;y&gt;&quot;</pre>"), page.npos);
  EXPECT_NE(page.find("<figcaption>it &lt;falls&gt;</figcaption>"), page.npos);
  EXPECT_NE(page.find("<dt>&lt;b&gt;</dt>"), page.npos);
  EXPECT_NE(page.find("<td>&lt;cat&gt;</td><td class=\"n\">9 %</td>"), page.npos);
  EXPECT_NE(page.find("<td>dog</td><td class=\"n\"></td>"), page.npos);
  EXPECT_NE(page.find("alt=\"a &quot;b&quot;\""), page.npos);
}

TEST(HtmlReport, NeedsNothingFromOutside) {
  std::string page = sample().html();
  EXPECT_EQ(count(page, "http"), 2);  // the policy's header name and SVG's name space
  EXPECT_EQ(count(page, "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'"), 1);
  EXPECT_EQ(count(page, "<script"), 0);
  EXPECT_EQ(count(page, "<link"), 0);
  EXPECT_EQ(count(page, "url("), 0);
  EXPECT_EQ(count(page, "@import"), 0);
  EXPECT_EQ(count(page, "src=\"data:image/png;base64,iVBORw0KGgo"), 3);
}

TEST(HtmlReport, PicturesSayWhatTheyAre) {
  std::string page = sample().html();
  EXPECT_NE(page.find(R"(<img class="px" width="3" height="2" alt="dog, is cat" src=)"), page.npos);
  EXPECT_NE(page.find(R"(<img width="200" height="300" alt="" src=)"), page.npos);
  EXPECT_NE(page.find(R"(<b>dog</b>is cat<span class="share"><i style="width:93.0%">)"), page.npos);
  EXPECT_EQ(count(page, "class=\"share\""), 1);
}

TEST(HtmlReport, SectionsAreLinkedFromTheTop) {
  std::string page = sample().html();
  EXPECT_NE(page.find("<li><a href=\"#s1\">Details &amp; more</a></li>"), page.npos);
  EXPECT_NE(page.find("<section id=\"s1\">"), page.npos);
  HtmlReport one("t");
  one.paragraph("before any section");
  EXPECT_EQ(count(one.html(), "<nav"), 0);
  EXPECT_NE(one.html().find("<p>before any section</p>"), std::string::npos);
}

TEST(HtmlReport, RefusesWhatDoesNotFit) {
  HtmlReport report("t");
  EXPECT_EQ(
      argument_error([&] {
        report.table({{"a"}, {{"1", "2"}}});
      }),
      "[Table] expected rows of at most 1 cells, got 2 in row 0");
  EXPECT_THROW(report.picture({image::Image(), "", ""}), std::invalid_argument);
}

TEST(HtmlReport, WritesTheFile) {
  auto path = std::filesystem::path(testing::TempDir()) /
              ("fovea_report_" + std::to_string(::getpid()) + ".html");
  HtmlReport report = sample();
  report.write(path);
  std::ifstream in(path, std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), report.html());
  std::filesystem::remove(path);
  EXPECT_THROW(report.write(path / "under" / "a" / "file.html"), IoError);
}

}  // namespace
}  // namespace fovea::report
