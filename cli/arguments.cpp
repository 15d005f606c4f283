#include "cli/arguments.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <type_traits>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace fovea::cli {

namespace {

Check number_check(bool (*good)(double), const char* expected) {
  auto mistake = [good, expected](const std::string& text) {
    double value = 0;
    bool fits = CLI::detail::lexical_cast(text, value) && good(value);
    return fits ? std::string() : fmt::format("expected {}, got {}", expected, text);
  };
  return {mistake, ""};
}

}  // namespace

Check positive() {
  return number_check([](double v) { return v > 0; }, "a number above 0");
}

Check not_negative() {
  return number_check([](double v) { return v >= 0; }, "a number of at least 0");
}

Check one_of(std::initializer_list<const char*> words) {
  std::vector<std::string> names(words.begin(), words.end());
  auto mistake = [names](const std::string& text) {
    bool known = std::find(names.begin(), names.end(), text) != names.end();
    return known ? std::string()
                 : fmt::format("expected one of {}, got {}", fmt::join(names, ", "), text);
  };
  return {mistake, fmt::format("{{{}}}", fmt::join(names, ","))};
}

Argument* Argument::check(const Check& c) {
  option_->check(CLI::Validator(c.mistake, c.choices));
  return this;
}
Argument* Argument::type_name(const std::string& name) {
  option_->type_name(name);
  return this;
}
Argument* Argument::description(const std::string& help) {
  option_->description(help);
  return this;
}
Argument* Argument::required() {
  option_->required();
  return this;
}
Argument* Argument::capture_default_str() {
  option_->capture_default_str();
  return this;
}
Argument* Argument::expected(int count) {
  option_->expected(count);
  return this;
}
Argument* Argument::delimiter(char c) {
  option_->delimiter(c);
  return this;
}
Argument* Argument::take_all() {
  option_->take_all();
  return this;
}
Argument* Argument::allow_extra_args(bool yes) {
  option_->allow_extra_args(yes);
  return this;
}

namespace {

template <class T>
struct Element {
  using type = T;
};
template <class T>
struct Element<std::vector<T>> {
  using type = T;
};
template <class T>
struct Element<std::optional<T>> {
  using type = T;
};

// Before the other checks, which take any number.
std::string no_whole_number(const std::string& text) {
  int64_t value = 0;
  uint64_t large = 0;
  const bool whole =
      CLI::detail::lexical_cast(text, value) || CLI::detail::lexical_cast(text, large);
  return whole ? "" : fmt::format("expected a whole number, got {}", text);
}

}  // namespace

template <class T>
Argument* Arguments::add_option(const std::string& name, T& value, const std::string& help) {
  CLI::Option* option = app_.add_option(name, value, help);
  if (std::is_integral_v<typename Element<T>::type>) option->check(no_whole_number);
  return keep(option);
}

template Argument* Arguments::add_option(const std::string&, std::string&, const std::string&);
template Argument* Arguments::add_option(const std::string&, int&, const std::string&);
template Argument* Arguments::add_option(const std::string&, int64_t&, const std::string&);
template Argument* Arguments::add_option(const std::string&, uint64_t&, const std::string&);
template Argument* Arguments::add_option(const std::string&, double&, const std::string&);
template Argument* Arguments::add_option(
    const std::string&, std::vector<std::string>&, const std::string&);
template Argument* Arguments::add_option(const std::string&, std::vector<int>&, const std::string&);
template Argument* Arguments::add_option(
    const std::string&, std::vector<int64_t>&, const std::string&);
template Argument* Arguments::add_option(
    const std::string&, std::optional<int64_t>&, const std::string&);
template Argument* Arguments::add_option(
    const std::string&, std::optional<double>&, const std::string&);

Argument* Arguments::add_flag(const std::string& name, bool& value, const std::string& help) {
  return keep(app_.add_flag(name, value, help));
}

Argument* Arguments::get_option(const std::string& name) { return keep(app_.get_option(name)); }

Argument* Arguments::keep(CLI::Option* option) {
  return arguments_.emplace_back(std::make_unique<Argument>(option)).get();
}

}  // namespace fovea::cli
