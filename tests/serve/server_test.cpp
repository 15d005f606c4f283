#include "fovea/serve/server.h"

#include <atomic>
#include <chrono>
#include <future>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fovea/core/errors.h"
#include "tests/serve/tiny.h"
#include "tests/support/expect.h"
#include "tests/support/http_client.h"

namespace fovea::test {
namespace {

using Json = nlohmann::json;

serve::ServerOptions options(serve::BatcherOptions batches = {.batch = 4, .wait = 1}) {
  return {.service = {.name = "tiny", .batches = batches}, .port = 0, .body_limit = 100'000};
}

// An echo with limits.
class ServeHttp : public testing::Test {
 protected:
  static serve::HttpReply echo(const serve::HttpRequest& r) {
    const Json j{
        {"method", r.method},
        {"path", r.path},
        {"query", r.query},
        {"type", r.content_type},
        {"size", r.body.size()}};
    return {.body = j.dump(-1, ' ', false, Json::error_handler_t::replace)};
  }

  std::atomic<int> refused_{0};
  serve::HttpServer server_{
      {.port = 0,
       .connections = 4,
       .body_limit = 5000,
       .bodies_limit = 20'000,
       .read_seconds = 0.5,
       .refused = [this](const std::string&, int) { ++refused_; }},
      echo};
  const int port_ = server_.port();
};

TEST_F(ServeHttp, BringsRequestsWhole) {
  Answer a = ask(port_, "POST", "/x%20y?top=5&a=b", "hello", "Content-Type: image/png\r\n");
  EXPECT_EQ(a.status, 200);
  EXPECT_HAS(a.head, "Connection: close");
  const Json j = Json::parse(a.body);
  EXPECT_EQ(j.at("path"), "/x y");
  EXPECT_EQ(j.at("query").at("top"), "5");
  EXPECT_EQ(j.at("type"), "image/png");
  EXPECT_EQ(j.at("size"), 5);
  a = send_raw(
      port_,
      "POST /c HTTP/1.1\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n");
  EXPECT_EQ(Json::parse(a.body).at("size"), 13);
  a = ask(port_, "HEAD", "/");
  EXPECT_EQ(a.status, 200);
  EXPECT_EQ(a.body, "");
  EXPECT_EQ(Json::parse(ask(port_, "POST", "/empty").body).at("size"), 0);
  EXPECT_EQ(Json::parse(ask(port_, "PUT", "/put", "body").body).at("method"), "PUT");
  // Forms come as they are, and answers go as they are, whatever the library would make of them.
  a =
      ask(port_,
          "POST",
          "/f",
          "junk",
          "Content-Type: multipart/form-data; boundary=x\r\nRange: bytes=0-1\r\n"
          "Accept-Encoding: gzip, br\r\n");
  EXPECT_EQ(a.status, 200);
  EXPECT_EQ(Json::parse(a.body).at("type"), "multipart/form-data; boundary=x");
}

TEST_F(ServeHttp, RefusesWhatIsTooLarge) {
  EXPECT_EQ(ask(port_, "POST", "/", std::string(5000, 'x')).status, 200);
  EXPECT_EQ(ask(port_, "POST", "/", std::string(5001, 'x')).status, 413);
  EXPECT_EQ(ask(port_, "POST", "/", std::string(3'000'000, 'x')).status, 413);
  for (const char* length : {"99999999999999", "99999999999999999999999999"})
    EXPECT_EQ(
        send_raw(port_, std::string("POST / HTTP/1.1\r\nContent-Length: ") + length + "\r\n\r\n")
            .status,
        413);
  std::string chunks = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 100; ++i) chunks += "64\r\n" + std::string(100, 'x') + "\r\n";
  const Answer a = send_raw(port_, chunks + "0\r\n\r\n");
  EXPECT_EQ(a.status, 413);
  EXPECT_HAS(Json::parse(a.body).at("error").get<std::string>(), "send a smaller picture");
  EXPECT_EQ(
      send_raw(port_, "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5001\r\n\r\n")
          .status,
      413);
  EXPECT_EQ(refused_, 6);
  EXPECT_EQ(ask(port_, "GET", "/" + std::string(2000, 'x')).status, 414);
  EXPECT_EQ(ask(port_, "GET", "/", "", "X: " + std::string(7000, 'x') + "\r\n").status, 200);
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "A: bcdef\r\n";
  EXPECT_EQ(ask(port_, "GET", "/", "", many).status, 400);
  EXPECT_EQ(send_raw(port_, std::string(100'000, 'x')).status, 0);  // a line without an end
}

TEST_F(ServeHttp, RefusesWhatItCannotRead) {
  const std::string post = "POST / HTTP/1.1\r\n", get = "GET / HTTP/1.1\r\n";
  const std::pair<std::string, int> cases[] = {
      {"nonsense\r\n\r\n", 400},
      {"GET / HTTP/9.9\r\n\r\n", 400},
      {std::string("\0\1\2\r\n\r\n", 7), 400},
      {post + "Content-Length: five\r\n\r\nhello", 400},
      {post + "Content-Length: -5\r\n\r\nhello", 400},
      {post + "Content-Length: 5\r\nContent-Encoding: gzip\r\n\r\nhello", 415},
      {post + "Transfer-Encoding: gzip, chunked\r\n\r\nhello", 501},
      {post + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello", 400},
      {post + "Content-Length: 500\r\n\r\nhello", 400},
      {get + "Range: what\r\n\r\n", 416}};
  for (const auto& [bytes, status] : cases) {
    const Answer a = send_raw(port_, bytes, true);
    EXPECT_EQ(a.status, status) << bytes;
    EXPECT_TRUE(Json::parse(a.body).contains("error")) << bytes;
  }
  EXPECT_EQ(send_raw(port_, "", true).status, 0);
  EXPECT_EQ(ask(port_, "GET", "/still/there").status, 200);
}

TEST_F(ServeHttp, WaitsNoLongerThanItSays) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(send_raw(port_, "POST / HTTP/1.1\r\nContent-Length: 500\r\n\r\nhello").status, 400);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(ServeHttp, SaysThatAPortIsTaken) {
  try {
    serve::HttpServer other({.port = port_}, echo);
    FAIL();
  } catch (const IoError& e) {
    EXPECT_HAS(e.what(), "127.0.0.1:" + std::to_string(port_) + ": another program listens there");
    EXPECT_HAS(e.what(), "--port 0");
  }
  EXPECT_THROW(serve::HttpServer({.host = "192.0.2.1", .port = 0}, echo), IoError);
}

TEST(ServeServer, ManyAtOnceGetTheirOwnAnswers) {
  const models::Model model = tiny_model();
  serve::Server server(model, options());
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 16; ++t)
    threads.emplace_back([&, t] {
      const image::Image one = picture(t);
      const train::Prediction wanted = train::predict(model, {&one, 1}, 1)[0];
      for (int i = 0; i < 3; ++i) {
        const Answer a = ask(server.port(), "POST", "/predict?top=1", picture_file(t));
        ASSERT_EQ(a.status, 200) << a.body;
        EXPECT_NEAR(
            Json::parse(a.body).at("predictions").at(0).at("probability").get<double>(),
            wanted.probabilities[0],
            1e-6);
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(server.predictions(), 48u);
}

TEST(ServeServer, AFullQueueAsksToComeAgain) {
  const models::Model model = tiny_model();
  serve::Server server(model, options({.batch = 8, .queue = 1, .wait = 60'000}));
  auto first = std::async(
      std::launch::async, [&] { return ask(server.port(), "POST", "/predict", picture_file(1)); });
  while (ask(server.port(), "GET", "/metrics").body.find("fovea_waiting_pictures 1") ==
         std::string::npos) {
  }
  const Answer a = ask(server.port(), "POST", "/predict", picture_file(2));
  EXPECT_EQ(a.status, 503);
  EXPECT_HAS(a.head, "Retry-After: 1");
  server.stop();
  EXPECT_EQ(first.get().status, 200);
}

TEST(ServeServer, StoppingFinishesWhatIsUnderWay) {
  const models::Model model = tiny_model();
  serve::Server server(model, options({.batch = 8, .wait = 60'000}));
  auto under_way = std::async(
      std::launch::async, [&] { return ask(server.port(), "POST", "/predict", picture_file(1)); });
  auto silent = std::async(std::launch::async, [&] { return send_raw(server.port(), ""); });
  while (ask(server.port(), "GET", "/metrics").body.find("fovea_waiting_pictures 1") ==
         std::string::npos) {
  }
  EXPECT_TRUE(server.running());
  server.stop();
  EXPECT_FALSE(server.running());
  EXPECT_EQ(under_way.get().status, 200);
  EXPECT_EQ(silent.get().status, 0);
  EXPECT_EQ(ask(server.port(), "GET", "/").status, 0);
}

}  // namespace
}  // namespace fovea::test
