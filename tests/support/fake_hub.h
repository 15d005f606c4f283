#pragma once

#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/hub/digest.h"
#include "fovea/hub/hub.h"
#include "tests/support/http_server.h"

namespace fovea::test {

// Behaves like the Hugging Face hub with the one repository org/tiny: small files come from the hub
// itself under git's hash, large ones from a second server that the hub redirects to, under their
// SHA-256. What `on_hub` and `on_files` return instead is sent instead.
class FakeHub {
 public:
  using Instead = std::function<std::optional<ServerReply>(const ServerRequest&)>;

  FakeHub() { ::setenv("no_proxy", "127.0.0.1", 1); }

  std::string root;  // a folder, for the caches
  std::map<std::string, std::string> content;
  std::set<std::string> large;
  std::string commit = std::string(40, 'a');
  std::string wanted_token;
  Instead on_hub = [](const ServerRequest&) { return std::nullopt; };
  Instead on_files = on_hub;

  std::string hash_of(const std::string& bytes, hub::Hash hash) const {
    std::ofstream(root + "/to_hash", std::ios::binary) << bytes;
    return hub::digest(root + "/to_hash", hash);
  }

  hub::HubOptions options() const {
    hub::HubOptions o;
    o.network.endpoint = hub_.url();
    o.network.pause = 0.001;
    o.cache = root + "/cache";
    o.torchvision = hub_.url() + "/models";
    o.checkpoints = root + "/checkpoints";
    return o;
  }

  const HttpServer& hub_server() const { return hub_; }
  const HttpServer& file_server() const { return files_; }

 private:
  ServerReply part_of(const std::string& bytes, const ServerRequest& r) const {
    const std::string range = r.header("range");
    if (range.empty()) return {.body = bytes};
    const size_t from = std::stoul(range.substr(range.find('=') + 1));
    if (from >= bytes.size()) return {.status = 416};
    return {
        .status = 206,
        .headers =
            {{"Content-Range",
              fmt::format("bytes {}-{}/{}", from, bytes.size() - 1, bytes.size())}},
        .body = bytes.substr(from)};
  }

  std::string listing() const {
    nlohmann::json j{{"sha", commit}, {"siblings", nlohmann::json::array()}};
    for (const auto& [name, bytes] : content) j["siblings"].push_back({{"rfilename", name}});
    return j.dump();
  }

  ServerReply answer_hub(const ServerRequest& r) const {
    if (auto instead = on_hub(r)) return *instead;
    if (!wanted_token.empty() && r.header("authorization") != "Bearer " + wanted_token)
      return {.status = 401, .headers = {{"X-Error-Message", "Invalid username or password."}}};
    if (r.path.starts_with("/models/")) return part_of(content.at(r.path.substr(8)), r);
    if (r.path.starts_with("/api/models/org/tiny/revision/")) return {.body = listing()};
    const std::string resolve = "/org/tiny/resolve/" + commit + "/";
    if (r.path.starts_with(resolve)) {
      const std::string name = r.path.substr(resolve.size());
      const auto file = content.find(name);
      if (file != content.end() && large.contains(name))
        return {
            .status = 302,
            .headers = {
                {"Location", files_.url() + "/" + name + "?signed=1"},
                {"X-Repo-Commit", commit},
                {"X-Linked-Size", std::to_string(file->second.size())},
                {"X-Linked-Etag", '"' + hash_of(file->second, hub::Hash::sha256) + '"'}}};
      if (file != content.end()) {
        ServerReply reply = part_of(file->second, r);
        reply.headers["X-Repo-Commit"] = commit;
        reply.headers["ETag"] = "W/\"" + hash_of(file->second, hub::Hash::git) + '"';
        return reply;
      }
    }
    return {.status = 404, .headers = {{"X-Error-Message", "Entry not found"}}};
  }

  ServerReply answer_files(const ServerRequest& r) const {
    if (auto instead = on_files(r)) return *instead;
    return part_of(content.at(r.path.substr(1, r.path.find('?') - 1)), r);
  }

  HttpServer files_{[this](const ServerRequest& r) { return answer_files(r); }};
  HttpServer hub_{[this](const ServerRequest& r) { return answer_hub(r); }};
};

}  // namespace fovea::test
