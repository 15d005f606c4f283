// The steps of augment.h by name, with their parameters, for recipes.

#include <cmath>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <type_traits>

#include <fmt/format.h>

#include "fovea/image/augment.h"

namespace fovea::image {

namespace {

template <class S>
struct Field {
  std::string_view name;
  double min, max;
  std::string_view doc;
  bool integer;
  double (*get)(const S&);
  void (*set)(S&, double);
};

template <class S, class T>
S owner_of(T S::*);
template <class S, class T>
T type_of(T S::*);

// The field behind a pointer to an int or double member.
template <auto member>
auto field(std::string_view name, double min, double max, std::string_view doc) {
  using S = decltype(owner_of(member));
  using T = decltype(type_of(member));
  return Field<S>{
      name,
      min,
      max,
      doc,
      std::is_same_v<T, int>,
      [](const S& step) { return double(step.*member); },
      [](S& step, double value) { step.*member = T(value); }};
}

template <class S>
struct Entry {
  std::string_view name, doc;
  std::vector<Field<S>> fields;
};

constexpr double many = 65536;

template <class S>
Field<S> size_field() {
  return field<&S::size>("size", 1, many, "side of the result in pixels");
}
template <class S>
Field<S> filter_field() {
  return field<&S::filter>("filter", 0, 4, "0 nearest, 1 Lanczos, 2 bilinear, 3 bicubic, 4 box");
}
template <class S>
Field<S> border_field() {
  return field<&S::border>("border", 0, 2, "outside the picture: 0 fill, 1 edge, 2 mirror");
}
template <class S>
Field<S> fill_field() {
  return field<&S::fill>("fill", 0, 255, "value outside the picture with border 0");
}
template <class S>
Field<S> chance_field() {
  return field<&S::p>("p", 0, 1, "chance of doing it");
}

const auto& entries() {
  static const std::tuple table{
      Entry<Resize>{
          "resize",
          "resize to height and width",
          {field<&Resize::height>("height", 1, many, "pixels"),
           field<&Resize::width>("width", 1, many, "pixels"),
           filter_field<Resize>()}},
      Entry<ResizeShort>{
          "resize_short",
          "resize the shorter side, keeping the aspect ratio",
          {field<&ResizeShort::size>("size", 1, many, "shorter side in pixels"),
           filter_field<ResizeShort>()}},
      Entry<CenterCrop>{"center_crop", "take the middle square", {size_field<CenterCrop>()}},
      Entry<HorizontalFlip>{
          "horizontal_flip", "mirror left and right", {chance_field<HorizontalFlip>()}},
      Entry<VerticalFlip>{"vertical_flip", "mirror top and bottom", {chance_field<VerticalFlip>()}},
      Entry<RandomCrop>{
          "random_crop",
          "pad, then take a square anywhere",
          {size_field<RandomCrop>(),
           field<&RandomCrop::padding>("padding", 0, many, "pixels on every side"),
           border_field<RandomCrop>(),
           fill_field<RandomCrop>()}},
      Entry<RandomResizedCrop>{
          "random_resized_crop",
          "take a part of random area and aspect ratio, resize it to a square",
          {size_field<RandomResizedCrop>(),
           field<&RandomResizedCrop::area_min>("area_min", 1e-6, 1, "least share of the area"),
           field<&RandomResizedCrop::area_max>("area_max", 1e-6, 1, "largest share of the area"),
           field<&RandomResizedCrop::ratio_min>("ratio_min", 0.01, 100, "least width over height"),
           field<&RandomResizedCrop::ratio_max>(
               "ratio_max", 0.01, 100, "largest width over height"),
           filter_field<RandomResizedCrop>()}},
      Entry<RandomScaleCrop>{
          "random_scale_crop",
          "resize the shorter side at random, take a square anywhere",
          {size_field<RandomScaleCrop>(),
           field<&RandomScaleCrop::short_min>("short_min", 1, many, "least shorter side"),
           field<&RandomScaleCrop::short_max>("short_max", 1, many, "largest shorter side"),
           filter_field<RandomScaleCrop>()}},
      Entry<ColorJitter>{
          "color_jitter",
          "change brightness, contrast, saturation and hue",
          {field<&ColorJitter::brightness>("brightness", 0, 10, "factor from 1 - v to 1 + v"),
           field<&ColorJitter::contrast>("contrast", 0, 10, "factor from 1 - v to 1 + v"),
           field<&ColorJitter::saturation>("saturation", 0, 10, "factor from 1 - v to 1 + v"),
           field<&ColorJitter::hue>("hue", 0, 0.5, "shift from -v to v of the colour circle")}},
      Entry<Lighting>{
          "lighting",
          "shift all colours along the principal axes of RGB",
          {field<&Lighting::std>("std", 0, 10, "standard deviation in eigenvalues")}},
      Entry<RandomAffine>{
          "random_affine",
          "rotate, translate, scale, stretch and shear",
          {field<&RandomAffine::rotate>("rotate", 0, 180, "degrees, either way"),
           field<&RandomAffine::translate>("translate", 0, 1, "share of the side, either way"),
           field<&RandomAffine::scale>("scale", 0, 10, "factor up to 1 + v or its inverse"),
           field<&RandomAffine::stretch>(
               "stretch", 0, 10, "aspect ratio up to 1 + v or its inverse"),
           field<&RandomAffine::shear>("shear", 0, 80, "degrees, either way"),
           border_field<RandomAffine>(),
           fill_field<RandomAffine>()}},
      Entry<RandomLens>{
          "random_lens",
          "distort as a wide or a long lens does",
          {field<&RandomLens::strength>("strength", 0, 2, "k1 from -v to v"),
           border_field<RandomLens>(),
           fill_field<RandomLens>()}},
      Entry<RandomErasing>{
          "random_erasing",
          "overwrite a rectangle",
          {chance_field<RandomErasing>(),
           field<&RandomErasing::area_min>("area_min", 1e-6, 1, "least share of the area"),
           field<&RandomErasing::area_max>("area_max", 1e-6, 1, "largest share of the area"),
           field<&RandomErasing::ratio_min>("ratio_min", 0.01, 100, "least height over width"),
           field<&RandomErasing::ratio_max>("ratio_max", 0.01, 100, "largest height over width"),
           field<&RandomErasing::fill>("fill", -1, 255, "value written, -1 for noise")}}};
  static_assert(
      std::tuple_size_v<std::remove_cvref_t<decltype(table)>> == std::variant_size_v<Step>);
  return table;
}

template <class S>
void set(S& step, const Entry<S>& entry, const std::string& name, double value) {
  for (const Field<S>& f : entry.fields) {
    if (f.name != name) continue;
    bool fits = value >= f.min && value <= f.max;
    if (f.integer) fits = fits && value == std::floor(value);
    if (!fits) {
      throw std::invalid_argument(fmt::format(
          "[augment] {}: expected {} to be {} from {} to {}, got {}",
          entry.name,
          name,
          f.integer ? "a whole number" : "a number",
          f.min,
          f.max,
          value));
    }
    f.set(step, value);
    return;
  }
  std::string known;
  for (const Field<S>& f : entry.fields)
    known += fmt::format("{}{}", known.empty() ? "" : ", ", f.name);
  throw std::invalid_argument(fmt::format(
      "[augment] {}: unknown parameter \"{}\"; expected one of {}", entry.name, name, known));
}

template <class F>
void for_each_entry(F f) {
  std::apply([&](const auto&... entry) { (f(entry), ...); }, entries());
}

// The entry of the step's own type.
template <class S>
const Entry<S>& entry_of(const S&) {
  return std::get<Entry<S>>(entries());
}

}  // namespace

const std::vector<StepInfo>& step_table() {
  static const std::vector<StepInfo> table = [] {
    std::vector<StepInfo> result;
    for_each_entry([&]<class S>(const Entry<S>& entry) {
      StepInfo info{entry.name, entry.doc, {}};
      for (const Field<S>& f : entry.fields)
        info.parameters.push_back({f.name, f.doc, f.get(S{}), f.min, f.max, f.integer});
      result.push_back(std::move(info));
    });
    return result;
  }();
  return table;
}

Step make_step(std::string_view name, const std::map<std::string, double>& parameters) {
  std::optional<Step> made;
  std::string known;
  for_each_entry([&]<class S>(const Entry<S>& entry) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", entry.name);
    if (entry.name != name) return;
    S step;
    for (const auto& [key, value] : parameters) set(step, entry, key, value);
    if constexpr (requires { step.check(); }) step.check();
    made = step;
  });
  if (!made) {
    throw std::invalid_argument(
        fmt::format("[augment] unknown step \"{}\"; expected one of {}", name, known));
  }
  return *made;
}

std::string_view name_of(const Step& step) {
  return std::visit([](const auto& s) { return entry_of(s).name; }, step);
}

std::map<std::string, double> parameters_of(const Step& step) {
  return std::visit(
      [](const auto& s) {
        std::map<std::string, double> result;
        for (const auto& f : entry_of(s).fields) result[std::string(f.name)] = f.get(s);
        return result;
      },
      step);
}

}  // namespace fovea::image
