#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "fovea/optim/factory.h"

// How settings that are text become option structs; for the optim room.
namespace fovea::optim {

using FieldValue = std::variant<double*, int*, bool*, std::vector<int>*, std::vector<ParamGroup>*>;

void read_value(
    std::string_view method,
    const std::string& name,
    const std::string& text,
    const FieldValue& to);
std::string show_value(const FieldValue& value);

// Throws if `settings` has a key besides "name" that is not an option of the method.
void check_keys(const MethodInfo& method, const Settings& settings);

// A member of the option struct O.
template <class O>
struct Field {
  std::string_view name;
  std::
      variant<double O::*, int O::*, bool O::*, std::vector<int> O::*, std::vector<ParamGroup> O::*>
          member;
  std::string_view doc;

  FieldValue in(O& o) const {
    return std::visit([&](auto m) -> FieldValue { return &(o.*m); }, member);
  }
};

template <class O>
std::vector<OptionInfo> options_of(const std::vector<Field<O>>& fields) {
  O defaults;
  std::vector<OptionInfo> options;
  for (const Field<O>& f : fields)
    options.push_back({std::string(f.name), show_value(f.in(defaults)), std::string(f.doc)});
  return options;
}

template <class O>
O read_options(const std::vector<Field<O>>& fields, const MethodInfo& method, const Settings& s) {
  check_keys(method, s);
  O options;
  for (const Field<O>& f : fields) {
    auto found = s.find(std::string(f.name));
    if (found != s.end()) read_value(method.name, found->first, found->second, f.in(options));
  }
  return options;
}

}  // namespace fovea::optim
