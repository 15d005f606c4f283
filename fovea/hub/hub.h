#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "fovea/hub/cache.h"
#include "fovea/hub/network.h"

namespace fovea::hub {

// Where files come from and go to. Nothing here reads the environment; the command's
// environment.h does.
struct HubOptions {
  NetworkOptions network;       // endpoint: the hub, "https://huggingface.co"
  std::filesystem::path cache;  // HF_HUB_CACHE, or hub/ in HF_HOME
  bool offline = false;         // what lies in the caches, and nothing else

  std::string torchvision = "https://download.pytorch.org/models";
  std::filesystem::path checkpoints;  // hub/checkpoints in TORCH_HOME
};

struct PulledFile {
  std::string name;
  std::filesystem::path path;
  uint64_t bytes = 0;
  bool downloaded = false;  // now; otherwise it was there
  Hash checked = Hash::none;
};

// One revision of one repository of the Hugging Face hub. It is resolved once, so that all files
// are of one commit. Failures are IoErrors, and bad names std::invalid_argument.
class Repository {
 public:
  Repository(HubOptions options, const std::string& id, const std::string& revision);

  const std::string& commit() const { return commit_; }
  bool offline() const { return o_.offline; }

  // Without those whose names cannot be kept safely. Offline: those in the cache.
  const std::vector<std::string>& files() const { return files_; }

  // The file in the cache, fetched unless it is there. Each arrives whole: LFS files have a
  // SHA-256 and others git's hash, which must be right.
  PulledFile get(const std::string& name) const;

  // Notes what the revision stands for, once all files are there.
  void remember() const;

 private:
  HubOptions o_;
  Network network_;
  std::string id_, revision_, commit_;
  RepositoryCache cache_;
  std::vector<std::string> files_;
};

}  // namespace fovea::hub
