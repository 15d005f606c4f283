#include <stdexcept>

#include "fovea/hub/digest.h"
#include "fovea/hub/http.h"

namespace fovea::hub {

namespace {

[[noreturn]] void absent() {
  throw std::runtime_error(
      "this build of fovea has no downloads: it was made with FOVEA_HUB=OFF. With --offline it "
      "takes what lies in the cache; build it with libcurl4-openssl-dev and libssl-dev for more");
}

}  // namespace

Reply perform(const Request&, const Body&) { absent(); }
std::string digest(const std::filesystem::path&, Hash) { absent(); }

}  // namespace fovea::hub
