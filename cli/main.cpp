// The fovea command: parses the command line, runs one verb, turns errors into messages and codes.
#include <cstdio>
#include <exception>
#include <new>

#include <fmt/format.h>

#include "cli/application.h"
#include "cli/environment.h"
#include "cli/verb.h"
#include "fovea/core/device.h"
#include "fovea/core/errors.h"
#include "fovea/data/dataset.h"
#include "fovea/train/conv_rule_file.h"

namespace fovea::cli {
namespace {

int report(const char* what, Exit code) {
  std::fputs(fmt::format("{}: {}\n", coloured("fovea", Colour::red), what).c_str(), stderr);
  return code;
}

int run(int argc, char** argv) {
  Application application;
  try {
    application.globals.threads = environment_threads();
    application.parse(argc, argv);
    const Globals& g = application.globals;
    set_threads(g.threads);
    if (!g.conv_rule.empty()) train::use_tuned_rule(g.conv_rule);
    int code = application.run();
    if (std::fflush(stdout) != 0 || std::ferror(stdout))
      return report("the result cannot be written to standard output; is the disk full?", failure);
    return code;
  } catch (const CLI::ParseError& e) {
    return application.exit(e);
  } catch (const IoError& e) {
    return report(e.what(), bad_data);
  } catch (const data::DataError& e) {
    return report(e.what(), bad_data);
  } catch (const std::invalid_argument& e) {
    return report(e.what(), usage);
  } catch (const std::bad_alloc&) {
    return report("out of memory; a smaller batch or input needs less", failure);
  } catch (const std::exception& e) {
    return report(e.what(), failure);
  }
}

}  // namespace
}  // namespace fovea::cli

int main(int argc, char** argv) {
  fovea::cli::calm_waiting_threads(argv);
  return fovea::cli::run(argc, argv);
}
