#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

// The options of a verb. CLI11 reads the command line, behind this header: included by every verb
// it would cost more than all the rest of the command to compile.
namespace fovea::cli {

// What a value must be.
struct Check {
  std::function<std::string(const std::string&)> mistake;  // a message; empty if the value will do
  std::string choices;                                     // shown by --help
};

Check positive();      // a number above 0
Check not_negative();  // a number of at least 0
Check one_of(std::initializer_list<const char*> words);

class Argument {
 public:
  explicit Argument(CLI::Option* option) : option_(option) {}

  Argument* check(const Check& c);
  Argument* type_name(const std::string& name);  // of the value, in the help
  Argument* description(const std::string& help);
  Argument* required();
  Argument* capture_default_str();  // show the default in the help
  Argument* expected(int count);    // this many values
  Argument* delimiter(char c);      // between values of one word
  Argument* take_all();             // of an option that may be repeated
  Argument* allow_extra_args(bool yes);

 private:
  CLI::Option* option_;
};

class Arguments {
 public:
  explicit Arguments(CLI::App& app) : app_(app) {}

  // An option ("--name", "-n,--name") or, without a dash, the next word. The variable gets its
  // value and must outlive the parsing. T: std::string, int, int64_t, uint64_t, double, and vectors
  // and optionals of them as arguments.cpp has them.
  template <class T>
  Argument* add_option(const std::string& name, T& value, const std::string& help);
  Argument* add_flag(const std::string& name, bool& value, const std::string& help);
  Argument* get_option(const std::string& name);  // one that was added

 private:
  Argument* keep(CLI::Option* option);

  CLI::App& app_;
  std::vector<std::unique_ptr<Argument>> arguments_;
};

}  // namespace fovea::cli
