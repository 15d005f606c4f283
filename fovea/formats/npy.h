#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "fovea/core/tensor.h"

namespace fovea::formats {

// NumPy's .npy format, versions 1.0 to 3.0 (numpy.lib.format): f16, f32, f64, i8, u8, i32, i64 and
// bool, of both byte orders, in C's or Fortran's order; i16 and u16 become i32, u32 becomes i64.
// Anything else is refused by name with an IoError.
Tensor read_npy(const std::filesystem::path& path);

// The same from memory; `name` stands for the path in errors.
Tensor parse_npy(std::span<const std::byte> file, const std::string& name);

// How many bytes the whole file has that begins so; `beginning` holds at least its header, or
// npy_header_room bytes.
uint64_t npy_size(std::span<const std::byte> beginning, const std::string& name);
inline constexpr size_t npy_header_room = 12 + (1 << 16);

// What stands before the data of an evaluated tensor in a file of version 1.0; its size is a
// multiple of 64. Throws std::invalid_argument for bf16, which NumPy does not have.
std::string npy_header(const Tensor& tensor);

// Evaluates the tensor and writes it atomically as npy_header says.
void write_npy(const std::filesystem::path& path, const Tensor& tensor);

}  // namespace fovea::formats
