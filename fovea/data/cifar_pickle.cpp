#include "fovea/data/cifar_pickle.h"

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/formats/pickle.h"

namespace fovea::data {

namespace {

using formats::Pickle;
using Kind = Pickle::Kind;

constexpr int64_t values_per_picture = 3 * 32 * 32;
constexpr std::string_view make_array = "numpy.core.multiarray _reconstruct";
constexpr std::string_view array = "numpy ndarray", dtype = "numpy dtype";
constexpr std::string_view globals[] = {make_array, array, dtype};

class Reader {
 public:
  Reader(std::span<const uint8_t> file, const std::string& name)
      : name_(name), pickle_(Pickle::parse(std::as_bytes(file), name, {.globals = globals})) {}

  const Pickle::Value& at(std::string_view key, Kind kind) const {
    const Pickle::Value* found = pickle_.find(pickle_.root(), key);
    if (!found || found->kind != kind)
      fail(fmt::format("expected a dict with \"{}\", as CIFAR has it", key));
    return *found;
  }
  const Pickle::Value& item(const Pickle::Value& of, size_t i) const {
    return pickle_[of.items[i]];
  }
  bool is(const Pickle::Value& v, Kind kind, size_t items) const {
    return v.kind == kind && v.items.size() == items;
  }
  [[noreturn]] void fail(const std::string& message) const {
    throw IoError(name_, message + "; is it as published? The binary version is read too");
  }

  // The bytes of a u8 array (n, 3072) as numpy's __reduce__ and __setstate__ write it:
  // _reconstruct(ndarray, (0,), "b") with the state (1, shape, dtype, by columns, bytes).
  std::vector<uint8_t> pictures(const Pickle::Value& call) const {
    constexpr const char* expected = "expected \"data\" to be an array of u8 (n, 3072)";
    if (call.items.size() != 3 || item(call, 0).text != make_array) fail(expected);
    const Pickle::Value& state = item(call, 2);
    if (!is(state, Kind::tuple, 5) || !is_u8(item(state, 2)) || !is(item(state, 1), Kind::tuple, 2))
      fail(expected);
    const Pickle::Value &shape = item(state, 1), &bytes = item(state, 4);
    int64_t n = item(shape, 0).integer;
    if (item(shape, 1).integer != values_per_picture || n < 0 || bytes.kind != Kind::text)
      fail(expected);
    if (int64_t(bytes.text.size()) != n * values_per_picture)
      fail(fmt::format(
          "expected {} bytes for {} pictures, got {}",
          n * values_per_picture,
          n,
          bytes.text.size()));
    std::vector<uint8_t> planes(bytes.text.begin(), bytes.text.end());
    if (item(state, 3).integer == 0) return planes;
    for (int64_t i = 0; i < n; ++i)  // by columns
      for (int64_t k = 0; k < values_per_picture; ++k)
        planes[size_t(i * values_per_picture + k)] = uint8_t(bytes.text[size_t(k * n + i)]);
    return planes;
  }

 private:
  // dtype("u1", ...)
  bool is_u8(const Pickle::Value& v) const {
    if (v.kind != Kind::call || item(v, 0).text != dtype || item(v, 1).items.empty()) return false;
    std::string_view code = item(item(v, 1), 0).text;
    return code == "u1" || code == "|u1";
  }

  const std::string& name_;
  Pickle pickle_;
};

}  // namespace

CifarBatch parse_cifar_pickle(
    std::span<const uint8_t> file, const std::string& name, std::string_view label_key) {
  Reader reader(file, name);
  CifarBatch batch{.planes = reader.pictures(reader.at("data", Kind::call))};
  const Pickle::Value& labels = reader.at(label_key, Kind::list);
  if (batch.planes.size() != labels.items.size() * size_t(values_per_picture))
    reader.fail(fmt::format(
        "expected a label for each of {} pictures, got {}",
        batch.planes.size() / size_t(values_per_picture),
        labels.items.size()));
  for (size_t i = 0; i < labels.items.size(); ++i) {
    const Pickle::Value& label = reader.item(labels, i);
    if (label.kind != Kind::integer) reader.fail("expected labels that are whole numbers");
    batch.labels.push_back(int(label.integer));
  }
  return batch;
}

std::vector<std::string> parse_cifar_names(
    std::span<const uint8_t> file, const std::string& name, std::string_view key) {
  Reader reader(file, name);
  const Pickle::Value& list = reader.at(key, Kind::list);
  std::vector<std::string> names;
  for (size_t i = 0; i < list.items.size(); ++i) {
    if (reader.item(list, i).kind != Kind::text) reader.fail("expected class names that are text");
    names.emplace_back(reader.item(list, i).text);
  }
  return names;
}

}  // namespace fovea::data
