#pragma once

#include <filesystem>
#include <string>

// Hashes that tell whether a file arrived whole, in small hexadecimal digits.
namespace fovea::hub {

enum class Hash {
  none,
  sha256,
  git,  // SHA-1 of "blob <size>\0" and the content, as git names files
};

// Throws IoError where the file cannot be read.
std::string digest(const std::filesystem::path& file, Hash hash);

}  // namespace fovea::hub
