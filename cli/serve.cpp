// fovea serve: a model behind HTTP.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/model_flags.h"
#include "cli/training.h"
#include "cli/verb.h"
#include "fovea/core/device.h"
#include "fovea/core/text.h"
#include "fovea/serve/server.h"

namespace fovea::cli {

namespace {

struct Options {
  std::string model;
  OpenFlags open;
  serve::ServerOptions server;
  double limit_mb = 32, limit_mpixels = 64;
};

// Many files are called model.safetensors: the run's name says more.
std::string name_of(const std::string& model) {
  const auto path = std::filesystem::absolute(model);
  const std::string stem = path.stem().string();
  return stem == "model" || stem == "last" ? path.parent_path().filename().string() : stem;
}

std::string url_of(const serve::ServerOptions& o, int port) {
  const bool six = o.host.find(':') != std::string::npos;
  return fmt::format("http://{}{}{}:{}/", six ? "[" : "", o.host, six ? "]" : "", port);
}

int run(const Options& o, const Globals& g) {
  const models::Model model = o.open.open(o.model);
  serve::ServerOptions how = o.server;
  how.service.name = name_of(o.model);
  how.service.max_pixels = uint64_t(o.limit_mpixels * 1e6);
  how.body_limit = size_t(o.limit_mb * (1 << 20));
  const auto signal = watch_signals();
  serve::Server server(model, how);
  const std::string url = url_of(how, server.port());
  if (g.json)
    print(json_text(nlohmann::ordered_json{{"url", url}, {"port", server.port()}}, true));
  else
    print(fmt::format("{} at {}\n", how.service.name, url));
  std::fflush(stdout);
  tell(
      g,
      fmt::format(
          "{} classes; {}, each on {}; Ctrl-C ends it",
          model.classes.size(),
          counted(how.service.batches.workers, "worker"),
          counted(threads(), "thread")));
  while (signal() != train::Signal::stop && server.running())
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  if (!server.running())
    throw std::runtime_error("the system took the port away; start the server again");
  server.stop();
  tell(g, fmt::format("ended after {} predictions", server.predictions()));
  return ok;
}

}  // namespace

Verb serve_verb() {
  return {
      "serve",
      "Answer HTTP requests with what a model sees, and show a page to try it",
      {"fovea serve runs/demo/model.safetensors",
       "fovea serve squeezenet.onnx --preprocess imagenet --class-names classes.txt --port 9000",
       "fovea serve model.safetensors --host 0.0.0.0 --workers 4 --threads 1 --batch 16",
       "curl --data-binary @photo.jpg 'http://127.0.0.1:8080/predict?top=3'",
       "curl -F image=@photo.jpg http://127.0.0.1:8080/predict"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        serve::BatcherOptions& batches = o->server.service.batches;
        o->open.add_to(app, o->model);
        app.add_option("--port", o->server.port, "Where to listen; 0 takes a free port")
            ->check(not_negative())
            ->capture_default_str();
        app.add_option(
               "--host",
               o->server.host,
               "The address to listen on; 0.0.0.0 lets other machines in, and there is no password")
            ->capture_default_str();
        app.add_option("--workers", batches.workers, "Batches that run at once")
            ->check(positive())
            ->capture_default_str();
        app.add_option("--batch", batches.batch, "Pictures joined into one batch at most")
            ->check(positive())
            ->capture_default_str();
        app.add_option(
               "--wait", batches.wait, "Milliseconds that a picture waits for others to join it")
            ->type_name("MS")
            ->check(not_negative())
            ->capture_default_str();
        app.add_option(
               "--queue", batches.queue, "Pictures that may wait; of more, requests are refused")
            ->check(positive())
            ->capture_default_str();
        app.add_option("--limit-mb", o->limit_mb, "Megabytes of a request at most")
            ->check(positive())
            ->capture_default_str();
        app.add_option(
               "--limit-mpixels", o->limit_mpixels, "Millions of pixels of a picture at most")
            ->check(positive())
            ->capture_default_str();
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
