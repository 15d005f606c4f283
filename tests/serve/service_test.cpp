#include "fovea/serve/service.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fovea/serve/multipart.h"
#include "tests/serve/tiny.h"
#include "tests/support/expect.h"

namespace fovea::test {
namespace {

using Json = nlohmann::json;
using serve::HttpReply;

class ServeService : public testing::Test {
 protected:
  HttpReply ask(const std::string& method, const std::string& path) {
    return service_.answer({.method = method, .path = path});
  }
  HttpReply predict(
      const std::string& body, const std::string& type = "", const std::string& top = "") {
    serve::HttpRequest r{.method = "POST", .path = "/predict", .content_type = type, .body = body};
    if (!top.empty()) r.query["top"] = top;
    return service_.answer(r);
  }
  static std::string error_of(const HttpReply& r) { return Json::parse(r.body).at("error"); }

  const models::Model model_ = tiny_model();
  serve::Service service_{
      model_, {.name = "tiny", .batches = {.workers = 1, .batch = 2}, .max_pixels = 10'000}};
};

TEST_F(ServeService, AnswersWhatPredictAnswers) {
  const image::Image one = picture(7);
  const train::Prediction wanted = train::predict(model_, {&one, 1}, 6)[0];
  const HttpReply r = predict(picture_file(7), "image/x-portable-pixmap", "3");
  ASSERT_EQ(r.status, 200) << r.body;
  EXPECT_EQ(r.content_type, "application/json");
  const Json j = Json::parse(r.body);
  EXPECT_EQ(j.at("model"), "tiny");
  EXPECT_GT(j.at("milliseconds").get<double>(), 0);
  ASSERT_EQ(j.at("predictions").size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    const Json& p = j.at("predictions")[i];
    EXPECT_NEAR(p.at("probability").get<double>(), wanted.probabilities[i], 1e-6);
    const std::string& name = model_.classes[size_t(wanted.classes[i])];
    if (wanted.classes[i] < 5) {
      EXPECT_EQ(p.at("class"), name);
    }
  }
  // By default five, and all where more are wanted; names that are not UTF-8 do not break the JSON.
  EXPECT_EQ(Json::parse(predict(picture_file(7)).body).at("predictions").size(), 5u);
  EXPECT_EQ(Json::parse(predict(picture_file(7), "", "99").body).at("predictions").size(), 6u);
}

TEST_F(ServeService, TakesAFormAsWell) {
  const std::string picture = picture_file(3), type = "multipart/form-data; boundary=\"a b\"";
  const std::string form =
      "--a b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n"
      "--a b\r\ncontent-disposition: form-data; name=image; filename=\"x.ppm\"\r\n"
      "Content-Type: image/x-portable-pixmap\r\n\r\n" +
      picture + "\r\n--a b--\r\n";
  EXPECT_EQ(serve::form_field(type, form, "image"), picture);
  EXPECT_EQ(serve::form_field(type, form, "note"), "hello");
  EXPECT_EQ(serve::form_field(type, form, "x.ppm"), std::nullopt);
  const Json a = Json::parse(predict(form, type).body), b = Json::parse(predict(picture).body);
  EXPECT_EQ(a.at("predictions"), b.at("predictions"));

  EXPECT_THROW(serve::form_field("multipart/form-data", form, "image"), std::invalid_argument);
  // Wherever it is cut before its last boundary.
  for (size_t n = 0; n < form.size() - sizeof "--\r\n"; ++n)
    EXPECT_EQ(predict(form.substr(0, n), type).status, 400) << n;
}

TEST_F(ServeService, SaysWhatIsWrongWithABody) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "is empty"},
      {"hello, what is this?", "the picture"},
      {"<!doctype html>", "HTML page"},
      {std::string("\xff\xd8\xff\xe0junk", 8), "the picture"},
      {"P6\n60000 60000\n255\n", "over the limit of 10000 pixels"},
      {picture_file(1).substr(0, 100), "the picture"}};
  for (const auto& [body, message] : cases) {
    const HttpReply r = predict(body);
    EXPECT_EQ(r.status, 400) << message;
    EXPECT_HAS(error_of(r), message);
  }
  for (const char* top : {"0", "-1", "many", "5x", "99999999999"})
    EXPECT_EQ(predict(picture_file(1), "", top).status, 400) << top;
}

TEST_F(ServeService, SaysWhereThingsAreAndWhatTheyTake) {
  HttpReply r = ask("GET", "/nothing\xff");
  EXPECT_EQ(r.status, 404);
  for (const char* path : {"GET /,", "POST /predict", "GET /model", "GET /health", "GET /metrics"})
    EXPECT_HAS(error_of(r), path);
  r = ask("GET", "/predict");
  EXPECT_EQ(r.status, 405);
  EXPECT_EQ(r.headers.at("Allow"), "POST");
  EXPECT_EQ(ask("DELETE", "/").headers.at("Allow"), "GET, HEAD");
  EXPECT_EQ(ask("HEAD", "/health").status, 200);
}

TEST_F(ServeService, TellsOfTheModel) {
  const Json j = Json::parse(ask("GET", "/model").body);
  EXPECT_EQ(j.at("name"), "tiny");
  EXPECT_EQ(j.at("input"), (Json{8, 8, 3}));
  EXPECT_EQ(j.at("classes").size(), 6u);
  EXPECT_EQ(j.at("parameters"), 3 * 3 * 3 * 8 + 8 + 8 * 8 * 8 * 6 + 6);
  EXPECT_EQ(j.at("preprocessing").at("resize"), "stretch");
}

TEST_F(ServeService, ThePageAsksThisServerAlone) {
  const HttpReply r = ask("GET", "/");
  EXPECT_EQ(r.content_type, "text/html; charset=utf-8");
  EXPECT_HAS(r.headers.at("Content-Security-Policy"), "default-src 'none'");
  EXPECT_EQ(r.body.find("http://"), std::string::npos);
  EXPECT_EQ(r.body.find("https://"), std::string::npos);
  EXPECT_HAS(r.body, "curl --data-binary");
}

TEST_F(ServeService, CountsForPrometheus) {
  for (uint64_t i = 0; i < 3; ++i) EXPECT_EQ(predict(picture_file(i)).status, 200);
  predict("nonsense");
  ask("GET", "/a");
  ask("GET", "/b");  // paths that clients make up are one
  service_.count("/predict", 413);
  const HttpReply r = ask("GET", "/metrics");
  EXPECT_HAS(r.content_type, "version=0.0.4");
  for (const char* line :
       {"fovea_requests_total{path=\"/predict\",status=\"200\"} 3\n",
        "fovea_requests_total{path=\"/predict\",status=\"400\"} 1\n",
        "fovea_requests_total{path=\"other\",status=\"404\"} 2\n",
        "fovea_errors_total 4\n",
        "fovea_prediction_seconds{quantile=\"0.99\"} 0.",
        "fovea_prediction_seconds_count 3\n",
        "fovea_batch_pictures_bucket{le=\"1\"} 3\n",
        "fovea_batch_pictures_bucket{le=\"+Inf\"} 3\n",
        "fovea_batch_pictures_sum 3\n",
        "fovea_waiting_pictures 0\n"})
    EXPECT_HAS(r.body, line);
}

}  // namespace
}  // namespace fovea::test
