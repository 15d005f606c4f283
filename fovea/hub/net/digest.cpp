// By OpenSSL.
#include "fovea/hub/digest.h"

#include <array>
#include <memory>
#include <openssl/evp.h>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/formats/mapped_file.h"

namespace fovea::hub {

std::string digest(const std::filesystem::path& file, Hash hash) {
  FOVEA_ASSERT(hash != Hash::none);
  const formats::MappedFile mapped(file);
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> state(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const std::string head =
      hash == Hash::git ? fmt::format("blob {}", mapped.bytes().size()) + '\0' : "";
  bool good =
      state &&
      EVP_DigestInit_ex(state.get(), hash == Hash::git ? EVP_sha1() : EVP_sha256(), nullptr) == 1 &&
      EVP_DigestUpdate(state.get(), head.data(), head.size()) == 1 &&
      EVP_DigestUpdate(state.get(), mapped.bytes().data(), mapped.bytes().size()) == 1;
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  unsigned size = 0;
  good = good && EVP_DigestFinal_ex(state.get(), sum.data(), &size) == 1;
  if (!good) throw IoError(file.string(), "OpenSSL cannot compute its hash");
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", sum[i]);
  return text;
}

}  // namespace fovea::hub
