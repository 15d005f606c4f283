#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "fovea/core/tree.h"

namespace fovea::formats {

// NumPy's .npz format: a zip archive of .npy files, "NAME.npy" each (numpy.savez and
// savez_compressed). Throws IoError for any other entry, see parse_npy.
Tree read_npz(const std::filesystem::path& path);

// The same from memory; `name` stands for the path in errors.
Tree parse_npz(std::span<const std::byte> file, const std::string& name);

// Evaluates the tree and writes it atomically, as numpy.savez does. Throws std::invalid_argument
// for bf16, which NumPy does not have.
void write_npz(const std::filesystem::path& path, const Tree& tensors);

}  // namespace fovea::formats
