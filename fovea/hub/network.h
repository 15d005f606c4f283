#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fovea/hub/digest.h"
#include "fovea/hub/http.h"

namespace fovea::hub {

struct NetworkOptions {
  std::string endpoint;  // "https://huggingface.co": its host alone gets the token; empty: no hub
  std::string token;     // empty: none
  int tries = 5;         // of an exchange that was cut, or answered by 429 or 5xx
  double pause = 1;      // s before the second try; doubles each time, up to 30
  double connect_timeout = 10, stall_timeout = 30;  // s
  uint64_t largest = uint64_t(1) << 38;             // bytes of one file
  std::function<void(const std::string& name, uint64_t done, uint64_t total)> progress = {};
  std::function<void(const std::string& text)> note = {};
};

// A file to fetch. It grows at `incomplete`, is checked there, and then renamed to `to`.
struct Download {
  std::string url, name;  // the name for messages
  std::filesystem::path to, incomplete, lock;
  std::optional<uint64_t> size;  // bytes, where known
  Hash hash = Hash::none;
  std::string expected;  // the hash, or how it begins
};

// What talks to servers: follows redirects without giving the token to another host, tries again
// with growing pauses, goes on where a download stopped. Failures are IoErrors that name the URL.
class Network {
 public:
  explicit Network(NetworkOptions options) : o_(std::move(options)) {}

  // Of the last redirect on the same host, without following it to another one: there the hub says
  // which file it is, before a server of files is asked. Headers X-... of redirects are kept.
  Reply head(const std::string& url) const;

  // A body of at most `limit` bytes.
  std::string text(const std::string& url, size_t limit) const;

  // False if the file was there. Two processes, or threads, fetch it once: the second waits. What
  // came before a failure stays at `incomplete`, and the next call asks for the rest alone; a file
  // with the wrong hash is deleted.
  bool download(const Download& d) const;

 private:
  struct Follow;
  Reply follow(const Follow& f) const;
  Reply persist(const Follow& f) const;
  void fetch(const Download& d) const;
  [[noreturn]] void refuse(const std::string& url, const Reply& reply) const;
  void wait(int tried, const Reply& reply, const std::string& why) const;

  NetworkOptions o_;
};

}  // namespace fovea::hub
