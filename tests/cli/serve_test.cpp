#include <nlohmann/json.hpp>

#include "fovea/models/model_file.h"
#include "tests/cli/command.h"
#include "tests/serve/tiny.h"
#include "tests/support/http_client.h"

namespace fovea::test {
namespace {

using Json = nlohmann::json;

class CliServe : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    models::Model model = tiny_model();
    model.classes.back() = "fox";
    std::filesystem::create_directories(path("runs/pets"));
    models::save_model(path("runs/pets/model.safetensors"), model);
    write("a.ppm", picture_file(1));
  }

  // The port it prints, or 0 if none comes.
  int port() const {
    for (int i = 0; i < 3000; ++i) {
      const Json j = Json::parse(read("out.txt"), nullptr, false);
      if (j.is_object()) return j.at("port").get<int>();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return 0;
  }
};

TEST_F(CliServe, AnswersAsPredictDoesUntilItIsTold) {
  for (int number : {SIGTERM, SIGINT}) {
    std::filesystem::remove(path("out.txt"));
    Answer answer, page;
    const Outcome o =
        fovea_with("serve runs/pets/model.safetensors --port 0 --json", [&](pid_t child) {
          const int at = port();
          answer = ask(at, "POST", "/predict?top=3", read("a.ppm"));
          page = ask(at, "GET", "/");
          ::kill(child, number);
        });
    EXPECT_EQ(o.code, 0) << o.err;
    EXPECT_HAS(o.err, "ended after 1 predictions");
    EXPECT_HAS(page.body, "<!doctype html>");
    ASSERT_EQ(answer.status, 200) << answer.body;
    const Json got = Json::parse(answer.body);
    EXPECT_EQ(got.at("model"), "pets");
    const Json wanted =
        Json::parse(fovea("predict runs/pets/model.safetensors a.ppm --top 3 --json").out)
            .at("top");
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(got.at("predictions").at(i).at("class"), wanted.at(i).at("class"));
      EXPECT_NEAR(
          got.at("predictions").at(i).at("probability").get<double>(),
          wanted.at(i).at("probability").get<double>(),
          1e-6);
    }
  }
}

TEST_F(CliServe, SaysWhyItCannotListen) {
  Outcome o = fovea("serve runs/pets/model.safetensors --host 192.0.2.1");
  EXPECT_EQ(o.code, 3);
  EXPECT_HAS(o.err, "192.0.2.1:8080: cannot be listened on");
  o = fovea("serve nothing.safetensors");
  EXPECT_EQ(o.code, 3);
  EXPECT_HAS(o.err, "nothing.safetensors");
  o = fovea("serve runs/pets/model.safetensors --batch 0");
  EXPECT_EQ(o.code, 2);
}

}  // namespace
}  // namespace fovea::test
