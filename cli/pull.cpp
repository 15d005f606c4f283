// fovea pull: models from the Hugging Face hub, timm and torchvision.
#include "fovea/hub/pull.h"

#include <chrono>
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/environment.h"
#include "cli/json_text.h"
#include "cli/output_file.h"
#include "cli/verb.h"

namespace fovea::cli {

namespace {

struct Options {
  std::string source, out;
  bool offline = false;
};

std::string megabytes(uint64_t bytes) {
  return bytes < 1000000 ? fmt::format("{:.1f} kB", 1e-3 * double(bytes))
                         : fmt::format("{:.1f} MB", 1e-6 * double(bytes));
}

const char* name_of(hub::Hash hash) {
  return hash == hub::Hash::sha256 ? "SHA-256" : hash == hub::Hash::git ? "git's SHA-1" : "none";
}

// One line on a terminal, drawn over ten times a second.
class DownloadLine {
 public:
  explicit DownloadLine(const Globals& g) : globals_(g), shown_(!g.quiet && stderr_is_terminal()) {}
  ~DownloadLine() { clear(); }

  void note(const std::string& text) {
    clear();
    tell(globals_, text);
  }

  void draw(const std::string& name, uint64_t done, uint64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (!shown_ || now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    std::string text = fmt::format("{}  {}", name, megabytes(done));
    if (total) text += fmt::format(" of {}, {} %", megabytes(total), 100 * done / total);
    std::fputs(("\r\x1b[K" + text.substr(0, size_t(terminal_width()) - 1)).c_str(), stderr);
    std::fflush(stderr);
    drawn_ = true;
  }

 private:
  void clear() {
    if (drawn_) std::fputs("\r\x1b[K", stderr);
    drawn_ = false;
  }

  const Globals& globals_;
  bool shown_, drawn_ = false;
  std::chrono::steady_clock::time_point last_;
};

hub::Pulled download(const hub::Source& source, const Options& o, const Globals& g) {
  DownloadLine line(g);
  hub::HubOptions options = environment_hub();
  options.offline = options.offline || o.offline;
  options.network.note = [&](const std::string& text) { line.note(text); };
  options.network.progress = [&](const std::string& name, uint64_t done, uint64_t total) {
    line.draw(name, done, total);
  };
  return hub::pull(source, options);
}

int run(const Options& o, const Globals& g) {
  check_output("--out", o.out, {".safetensors"});
  const hub::Source source = hub::parse_source(o.source);
  if (!o.out.empty()) hub::check_weights(source);
  const hub::Pulled pulled = download(source, o, g);
  nlohmann::ordered_json j{{"source", o.source}, {"commit", pulled.commit}};
  std::string text;
  for (const hub::PulledFile& file : pulled.files) {
    j["files"].push_back(
        {{"name", file.name},
         {"path", file.path.string()},
         {"bytes", file.bytes},
         {"downloaded", file.downloaded},
         {"checked", name_of(file.checked)}});
    const std::string how = !file.downloaded ? "was there"
                            : file.checked == hub::Hash::none
                                ? "the server gave no hash to check it by"
                                : fmt::format("{} checked", name_of(file.checked));
    text += fmt::format("{}  {}, {}\n", file.path.string(), megabytes(file.bytes), how);
  }
  if (!o.out.empty()) {
    models::Model model = hub::model_of(pulled);
    models::save_model(o.out, model);
    const data::Preprocess& p = model.preprocess;
    j["model"] = {
        {"path", o.out},
        {"name", model.architecture.name},
        {"classes", model.classes.size()},
        {"preprocess", nlohmann::ordered_json::parse(p.to_json())}};
    text += fmt::format(
        "{}: {}, {} classes, pictures {} x {}\n",
        o.out,
        model.architecture.name,
        model.classes.size(),
        p.height,
        p.width);
  }
  print(g.json ? json_text(j) : text);
  return ok;
}

}  // namespace

Verb pull_verb() {
  return {
      "pull",
      "Download a model from the Hugging Face hub, timm or torchvision",
      {"fovea pull resnet18 --out resnet18.safetensors",
       "fovea pull torchvision://resnet50@IMAGENET1K_V2 --out resnet50.safetensors",
       "fovea pull hf://timm/resnet18.a1_in1k --out resnet18.safetensors",
       "fovea pull timm://densenet121 --json",
       "fovea pull hf://org/name@v1.0/weights/model.safetensors"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        app.add_option(
               "source",
               o->source,
               "hf://ORG/NAME[@REVISION][/FILE], timm://NAME, torchvision://NAME[@WEIGHTS], or a "
               "network of `fovea models`")
            ->type_name("SOURCE")
            ->required();
        app.add_option(
               "--out",
               o->out,
               "Write a fovea model here, with preprocessing and class names; without it the files "
               "stay in the cache")
            ->type_name("MODEL");
        app.add_flag("--offline", o->offline, "Take what lies in the cache, like HF_HUB_OFFLINE=1");
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
