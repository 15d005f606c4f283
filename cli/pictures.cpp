#include "cli/pictures.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "fovea/core/errors.h"

namespace fovea::cli {

namespace {

namespace fs = std::filesystem;

bool is_picture(const fs::path& path) {
  std::string e = path.extension().string();
  std::transform(
      e.begin(), e.end(), e.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  for (const char* known : {".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".pbm", ".bmp", ".webp"})
    if (e == known) return true;
  return false;
}

}  // namespace

std::vector<std::string> picture_files(const std::vector<std::string>& inputs) {
  std::vector<std::string> files;
  for (const std::string& input : inputs) {
    if (input == "-" || !fs::is_directory(input)) {
      files.push_back(input);
      continue;
    }
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(input))
      if (entry.is_regular_file() && is_picture(entry.path()))
        found.push_back(entry.path().string());
    if (found.empty())
      throw IoError(input, "no pictures in it; expected .jpg, .png, .webp, .bmp or .ppm files");
    std::sort(found.begin(), found.end());
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

}  // namespace fovea::cli
