// Feeds bytes to the reader of pickles and to CIFAR's, which must give values that hang together or
// an IoError.

#include <cstdlib>

#include "fovea/core/errors.h"
#include "fovea/data/cifar_pickle.h"
#include "fovea/formats/pickle.h"

namespace {

// Every value must lie in the table, and every text in the file.
void check(std::span<const uint8_t> file) {
  using fovea::formats::Pickle;
  constexpr std::string_view globals[] = {
      "numpy ndarray", "numpy dtype", "collections OrderedDict"};
  const Pickle pickle = Pickle::parse(std::as_bytes(file), "fuzz", {.globals = globals});
  unsigned sum = 0;
  for (uint32_t i = 0; i < pickle.size(); ++i) {
    for (uint32_t item : pickle[i].items)
      if (item >= pickle.size()) std::abort();
    if (pickle[i].text.size() > file.size()) std::abort();
    for (char c : pickle[i].text) sum += uint8_t(c);
  }
  if (sum > 255 * pickle.size() * file.size()) std::abort();
  pickle.find(pickle.root(), "data");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> file(data, size);
  try {
    check(file);
  } catch (const fovea::IoError&) {
  }
  try {
    const auto batch = fovea::data::parse_cifar_pickle(file, "fuzz", "labels");
    if (batch.planes.size() != 3072 * batch.labels.size()) std::abort();
  } catch (const fovea::IoError&) {
  }
  try {
    fovea::data::parse_cifar_names(file, "fuzz", "label_names");
  } catch (const fovea::IoError&) {
  }
  return 0;
}
