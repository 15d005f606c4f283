#include "cli/environment.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fovea/core/text.h"
#include "fovea/train/recipe.h"

namespace fovea::cli {

namespace {

std::string variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? value : "";
}

std::string variable_or(const std::string& name, const std::string& otherwise) {
  std::string value = variable(name);
  return value.empty() ? otherwise : value;
}

// Without what surrounds it; a token with anything else in it than visible characters is none.
std::string token_in(std::string text) {
  auto space = [](unsigned char c) { return c <= ' '; };
  text.erase(std::find_if_not(text.rbegin(), text.rend(), space).base(), text.end());
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), space));
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c <= ' ' || c > '~'; })
             ? ""
             : text;
}

bool is_set(const std::string& name) {
  const std::string value = lower(variable(name));
  return value == "1" || value == "on" || value == "yes" || value == "true";
}

bool wants_colour() {
  if (!variable("NO_COLOR").empty()) return false;
  if (auto force = variable("CLICOLOR_FORCE"); !force.empty() && force != "0") return true;
  return stderr_is_terminal();
}

}  // namespace

void calm_waiting_threads(char** argv) {
  if (!variable("OMP_WAIT_POLICY").empty() || !variable("GOMP_SPINCOUNT").empty()) return;
  setenv("GOMP_SPINCOUNT", "10000", 1);  // about a tenth of a millisecond
  execv("/proc/self/exe", argv);         // where that fails, go on as we are
}

void read_environment(train::Config& config) {
  constexpr std::string_view ours = "FOVEA_";
  std::set<std::string> sections;
  for (const train::KeyInfo& k : train::recipe_keys())
    sections.emplace(k.key.substr(0, k.key.find('.')));
  for (char** entry = environ; *entry; ++entry) {
    std::string_view text = *entry;
    size_t equals = text.find('=');
    if (!text.starts_with(ours) || equals == std::string_view::npos) continue;
    std::string name(text.substr(0, equals)), value(text.substr(equals + 1));
    std::string key = lower(name.substr(ours.size()));
    size_t bar = key.find('_');
    if (bar == std::string::npos || value.empty() || !sections.contains(key.substr(0, bar)))
      continue;
    key[bar] = '.';
    config.set(key, value, "environment " + name);
  }
}

int environment_threads() { return std::max(0, std::atoi(variable("FOVEA_THREADS").c_str())); }

std::string environment_conv_rule() { return variable("FOVEA_CONV_RULE"); }

hub::HubOptions environment_hub() {
  namespace fs = std::filesystem;
  const fs::path caches =
      variable_or("XDG_CACHE_HOME", (fs::path(variable("HOME")) / ".cache").string());
  const fs::path home = variable_or("HF_HOME", (caches / "huggingface").string());
  const fs::path torch = variable_or("TORCH_HOME", (caches / "torch").string());
  hub::HubOptions o;
  o.cache = variable_or("HF_HUB_CACHE", (home / "hub").string());
  o.checkpoints = torch / "hub" / "checkpoints";
  o.offline = is_set("HF_HUB_OFFLINE");
  o.torchvision = variable_or("FOVEA_TORCHVISION_ENDPOINT", o.torchvision);
  o.network.endpoint = variable_or("HF_ENDPOINT", "https://huggingface.co");
  for (std::string* url : {&o.torchvision, &o.network.endpoint})
    while (url->ends_with('/')) url->pop_back();
  o.network.token = token_in(variable("HF_TOKEN"));
  if (o.network.token.empty()) {
    std::ifstream file(variable_or("HF_TOKEN_PATH", (home / "token").string()));
    std::string line;
    std::getline(file, line);
    o.network.token = token_in(line);
  }
  return o;
}

bool stderr_is_terminal() { return isatty(STDERR_FILENO) && variable("TERM") != "dumb"; }

int terminal_width() {
  if (int columns = std::atoi(variable("COLUMNS").c_str()); columns > 0) return columns;
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string coloured(const std::string& text, Colour colour) {
  static const bool on = wants_colour();
  if (!on) return text;
  const char* code = "0";
  switch (colour) {
    case Colour::red:
      code = "31";
      break;
    case Colour::green:
      code = "32";
      break;
    case Colour::yellow:
      code = "33";
      break;
    case Colour::blue:
      code = "34";
      break;
    case Colour::dim:
      code = "2";
      break;
    case Colour::bold:
      code = "1";
      break;
  }
  return std::string("\x1b[") + code + "m" + text + "\x1b[0m";
}

}  // namespace fovea::cli
