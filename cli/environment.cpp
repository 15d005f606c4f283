#include "cli/environment.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <pwd.h>
#include <stdexcept>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "fovea/core/errors.h"
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

// Without what surrounds it.
std::string token_in(std::string text) {
  auto space = [](unsigned char c) { return c <= ' '; };
  text.erase(std::find_if_not(text.rbegin(), text.rend(), space).base(), text.end());
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), space));
  return text;
}

// Why HTTP cannot carry a token, without a word of it; empty where it can.
std::string flaw_of(const std::string& token) {
  const auto odd = std::ranges::find_if(token, [](char c) { return c <= ' ' || c > '~'; });
  if (odd == token.end()) return "";
  const bool ascii = static_cast<unsigned char>(*odd) < 0x80;
  return fmt::format(
      "expected visible ASCII characters, got {} at {}",
      *odd == ' ' ? "a blank"
      : ascii     ? "a control character"
                  : "one that is not ASCII",
      1 + (odd - token.begin()));
}

// By a variable, as huggingface_hub reads them, else the first line of a file.
std::string hub_token(const std::string& file) {
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
    const std::string token = token_in(variable(name));
    if (const std::string flaw = flaw_of(token); !flaw.empty())
      throw std::invalid_argument(fmt::format("{}: {}", name, flaw));
    if (!token.empty()) return token;
  }
  std::ifstream in(file);
  std::string token;
  std::getline(in, token);
  token = token_in(token);
  if (const std::string flaw = flaw_of(token); !flaw.empty()) throw IoError(file, flaw);
  return token;
}

// "~/x" and "~user/x" in the folder of that user, as Python's expanduser has it.
std::string with_home(const std::string& path) {
  if (!path.starts_with('~')) return path;
  const size_t end = std::min(path.find('/'), path.size());
  const std::string user = path.substr(1, end - 1);
  std::string home = user.empty() ? variable("HOME") : "";
  if (home.empty()) {
    const passwd* entry = user.empty() ? ::getpwuid(::getuid()) : ::getpwnam(user.c_str());
    if (entry && entry->pw_dir) home = entry->pw_dir;
  }
  if (home.empty() && user.empty())
    throw std::invalid_argument(
        "HOME is not set, and the system knows no folder of this user: set HF_HOME and TORCH_HOME "
        "to where files are to lie");
  if (home.empty()) return path;
  return end == path.size() ? home : (std::filesystem::path(home) / path.substr(end + 1)).string();
}

// $NAME and ${NAME} by their values, where there are any, as Python's expandvars has it.
std::string with_variables(std::string text) {
  for (size_t at = 0; (at = text.find('$', at)) != text.npos;) {
    const bool braces = text.compare(at + 1, 1, "{") == 0;
    const size_t name = at + (braces ? 2 : 1);
    size_t end = name;
    if (braces)
      end = text.find('}', name);
    else
      while (end < text.size() &&
             (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_'))
        ++end;
    const char* value =
        end == text.npos ? nullptr : std::getenv(text.substr(name, end - name).c_str());
    if (value) text.replace(at, end + (braces ? 1 : 0) - at, value);
    at += value ? std::string_view(value).size() : 1;
  }
  return text;
}

constexpr std::string_view ours = "FOVEA_";

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = char(c - 'a' + 'A');
  return text;
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

std::vector<std::string> read_environment(train::Config& config) {
  static const std::vector<std::string> others{
      "THREADS", "CONV_RULE", "TORCHVISION_ENDPOINT", "TEST_DATA"};
  std::vector<std::string> notes, sections;
  for (const train::KeyInfo& k : train::recipe_keys()) {
    const std::string section(k.key.substr(0, k.key.find('.')));
    if (std::ranges::find(sections, section) == sections.end()) sections.push_back(section);
  }
  for (char** entry = environ; *entry; ++entry) {
    std::string_view text = *entry;
    size_t equals = text.find('=');
    if (!text.starts_with(ours) || equals == std::string_view::npos) continue;
    std::string name(text.substr(0, equals)), value(text.substr(equals + 1));
    std::string key = lower(name.substr(ours.size()));
    if (value.empty() || std::ranges::find(others, name.substr(ours.size())) != others.end())
      continue;
    const size_t bar = std::min(key.find('_'), key.size());
    const std::string section = key.substr(0, bar);
    if (bar < key.size() && std::ranges::find(sections, section) != sections.end()) {
      key[bar] = '.';
      config.set(key, value, "environment " + name);
      continue;
    }
    std::string meant = nearest(key, others);
    if (const std::string near = nearest(section, sections); meant.empty() && bar < key.size())
      meant = near.empty() ? "" : upper(near) + name.substr(ours.size() + bar);
    notes.push_back(fmt::format(
        "the variable {} is not used; {}",
        name,
        meant.empty() ? "a setting is FOVEA_<SECTION>_<NAME>, such as FOVEA_TRAIN_EPOCHS"
                      : fmt::format("did you mean \"{}{}\"?", ours, meant)));
  }
  return notes;
}

int environment_threads() {
  const std::string text = variable("FOVEA_THREADS");
  int n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (!text.empty() && (error != std::errc() || end != text.data() + text.size() || n < 0))
    throw std::invalid_argument(
        fmt::format("FOVEA_THREADS: expected a whole number of at least 0, got \"{}\"", text));
  return n;
}

std::string environment_conv_rule() { return variable("FOVEA_CONV_RULE"); }

hub::HubOptions environment_hub() {
  namespace fs = std::filesystem;
  auto folder = [](const std::string& text) { return with_variables(with_home(text)); };
  const fs::path caches = variable_or("XDG_CACHE_HOME", "~/.cache");
  const fs::path home = folder(variable_or("HF_HOME", (caches / "huggingface").string()));
  const fs::path torch = with_home(variable_or("TORCH_HOME", (caches / "torch").string()));
  hub::HubOptions o;
  o.cache = folder(variable_or("HF_HUB_CACHE", (home / "hub").string()));
  o.checkpoints = torch / "hub" / "checkpoints";
  o.offline = is_set("HF_HUB_OFFLINE");
  o.torchvision = variable_or("FOVEA_TORCHVISION_ENDPOINT", o.torchvision);
  o.network.endpoint = variable_or("HF_ENDPOINT", "https://huggingface.co");
  for (std::string* url : {&o.torchvision, &o.network.endpoint})
    while (url->ends_with('/')) url->pop_back();
  o.network.token = hub_token(folder(variable_or("HF_TOKEN_PATH", (home / "token").string())));
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
