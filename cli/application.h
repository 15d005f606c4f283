#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/verb.h"

namespace fovea::cli {

// The tree of commands and options; help, completion and the man page are all read off it.
class Application {
 public:
  Application();

  void parse(int argc, char** argv);         // throws CLI::ParseError
  int exit(const CLI::ParseError& e) const;  // prints help, version or the mistake
  int run() const { return run_ ? run_(globals) : int(usage); }

  const CLI::App& app() const { return app_; }
  Globals globals;

 private:
  CLI::App app_;
  std::vector<std::unique_ptr<Arguments>> arguments_;
  std::function<int(const Globals&)> run_;
};

}  // namespace fovea::cli
