#pragma once

#include <filesystem>
#include <string>

#include "fovea/core/errors.h"
#include "fovea/hub/pull.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/fake_hub.h"
#include "tests/support/folder.h"

namespace fovea::test {

// A test with a hub of one small repository.
class Hub : public FolderTest, protected FakeHub {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    root = path();
    content["config.json"] = "{}\n";
    content["model.safetensors"] = weights;
    large = {"model.safetensors"};
  }

  // The files of the repository, as `fovea pull hf://org/tiny` gets them.
  hub::Pulled pull(const hub::HubOptions& o) const {
    return hub::pull(hub::parse_source("hf://org/tiny"), o);
  }
  hub::Pulled pull() const { return pull(options()); }

  std::string failure() const {
    return message_of([&] { pull(); });
  }

  std::string blob_of(const std::string& name) const {
    return "cache/models--org--tiny/blobs/" +
           hash_of(content.at(name), large.contains(name) ? hub::Hash::sha256 : hub::Hash::git);
  }

  const std::string weights = [] {
    std::string bytes;
    for (int i = 0; i < 30000; ++i) bytes += char(i * i / 7);
    return bytes;
  }();
};

}  // namespace fovea::test
