#include "fovea/hub/hub.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/hub/url.h"

namespace fovea::hub {

namespace {

constexpr size_t longest_listing = 16 << 20;

// How an answer begins, for a message.
std::string beginning(const std::string& text) {
  return printable(text, 60) + (text.size() > 60 ? "..." : "");
}

// What the server names the content: W/"..." without what is around it.
std::string plain_etag(std::string etag) {
  if (etag.starts_with("W/")) etag.erase(0, 2);
  std::erase(etag, '"');
  return etag;
}

bool is_etag(const std::string& etag) {
  return !etag.empty() && etag.size() <= 128 && etag.front() != '.' &&
         std::ranges::all_of(etag, [](unsigned char c) {
           return std::isalnum(c) || c == '-' || c == '_' || c == '.';
         });
}

std::optional<uint64_t> size_of(const Reply& reply) {
  const auto linked = reply.number("x-linked-size");
  return linked || reply.status != 200 ? linked : reply.number("content-length");
}

}  // namespace

Repository::Repository(HubOptions options, const std::string& id, const std::string& revision)
    : o_(std::move(options)),
      network_(o_.network),
      id_(id),
      revision_(revision),
      cache_(o_.cache, id) {
  check_revision(revision);
  if (o_.offline) {
    commit_ = cache_.commit_of(revision);
    if (commit_.empty())
      throw IoError(
          cache_.folder().string(),
          fmt::format(
              "the cache does not hold {} at \"{}\", and this is offline: pull it with a network, "
              "or copy this folder from a machine that has it",
              id,
              revision));
    files_ = cache_.files(commit_);
    return;
  }
  const std::string url =
      fmt::format("{}/api/models/{}/revision/{}", o_.network.endpoint, id, encoded(revision));
  const std::string text = network_.text(url, longest_listing);
  const auto j = nlohmann::json::parse(text, nullptr, false);
  if (j.is_discarded())
    throw IoError(
        url, fmt::format("expected JSON, got \"{}\"; is HF_ENDPOINT right?", beginning(text)));
  try {
    commit_ = j.at("sha").get<std::string>();
    for (const auto& file : j.at("siblings"))
      if (const auto name = file.at("rfilename").get<std::string>(); is_file_name(name))
        files_.push_back(name);
  } catch (const nlohmann::json::exception&) {
    throw IoError(
        url,
        fmt::format(
            "expected the hub's description of a repository, with \"sha\" and \"siblings\", got "
            "\"{}\"; is HF_ENDPOINT right?",
            beginning(text)));
  }
  if (!is_commit(commit_))
    throw IoError(url, fmt::format("expected a commit, got \"{}\"", printable(commit_)));
}

PulledFile Repository::get(const std::string& name) const {
  check_file_name(name);
  PulledFile file{.name = name, .path = cache_.file(commit_, name)};
  if (!std::filesystem::exists(file.path)) {
    if (o_.offline)
      throw IoError(
          file.path.string(),
          "it is not in the cache, and this is offline: pull it with a network");
    const std::string url =
        fmt::format("{}/{}/resolve/{}/{}", o_.network.endpoint, id_, commit_, encoded(name, true));
    const Reply reply = network_.head(url);
    if (const std::string commit = reply.header("x-repo-commit");
        !commit.empty() && commit != commit_)
      throw IoError(url, fmt::format("expected commit {}, got \"{}\"", commit_, printable(commit)));
    const std::string linked = reply.header("x-linked-etag");
    const std::string etag = plain_etag(linked.empty() ? reply.header("etag") : linked);
    if (!is_etag(etag))
      throw IoError(url, fmt::format("expected an ETag of letters, got \"{}\"", printable(etag)));
    cache_.make();
    file.checked = is_hex(etag, 64) ? Hash::sha256 : is_hex(etag, 40) ? Hash::git : Hash::none;
    file.downloaded = network_.download(
        {.url = url,
         .name = name,
         .to = cache_.blob(etag),
         .incomplete = cache_.blob(etag + ".incomplete"),
         .lock = cache_.lock(etag),
         .size = size_of(reply),
         .hash = file.checked,
         .expected = file.checked == Hash::none ? "" : etag});
    if (!file.downloaded) file.checked = Hash::none;
    cache_.link(commit_, name, etag);
  }
  file.bytes = std::filesystem::file_size(file.path);
  return file;
}

void Repository::remember() const {
  if (!o_.offline) cache_.remember(revision_, commit_);
}

}  // namespace fovea::hub
