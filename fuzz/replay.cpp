// Runs a fuzzer's function once over each entry of a zip archive, for the tests: what a fuzzer
// found must stay harmless in every build.
//   replay_onnx fuzz/corpus/onnx.zip

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>

#include "fovea/formats/mapped_file.h"
#include "fovea/formats/zip_archive.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS.zip\n", argv[0]);
    return 2;
  }
  const fovea::formats::MappedFile file(argv[1]);
  const fovea::formats::ZipArchive corpus(file.bytes(), argv[1]);
  for (const std::string& name : corpus.names()) {
    const std::vector<std::byte> input = corpus.read(name);
    std::printf("%s\n", name.c_str());  // so that the last line names what failed
    std::fflush(stdout);
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
  }
  std::printf("%zu inputs\n", corpus.names().size());
  return corpus.names().empty() ? 1 : 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
