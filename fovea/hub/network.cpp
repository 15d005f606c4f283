#include "fovea/hub/network.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/hub/file_lock.h"
#include "fovea/hub/partial_file.h"
#include "fovea/hub/url.h"

namespace fovea::hub {

namespace fs = std::filesystem;

namespace {

constexpr int most_redirects = 5;
constexpr uint64_t real_progress = 1 << 14;  // new bytes that make a cut connection forgivable

bool good(const Reply& r) { return r.status >= 200 && r.status < 300; }
bool busy(const Reply& r) { return r.status == 429 || r.status >= 500; }

bool redirects(const Reply& r) {
  return (r.status == 301 || r.status == 302 || r.status == 303 || r.status == 307 ||
          r.status == 308) &&
         !r.header("location").empty();
}

std::string what_it_says(const Reply& r) {
  std::string said = printable(r.header("x-error-message"));
  if (said.ends_with('.')) said.pop_back();
  return fmt::format("the server answered {}{}", r.status, said.empty() ? "" : ": " + said);
}

// What to do about a refusal of the hub, by the cause that it names.
const char* hub_advice(const Reply& r, bool with_token) {
  const std::string cause = r.header("x-error-code");
  if (cause == "GatedRepo")
    return with_token ? "; the repository is gated: ask for access on its page by the account of "
                        "this token"
                      : "; the repository is gated: ask for access on its page, and set HF_TOKEN "
                        "to a token of that account";
  if (cause == "RevisionNotFound") return "; the repository has no such branch, tag or commit";
  if (cause == "EntryNotFound") return "; the repository has no such file";
  if (r.status == 401 && with_token)
    return "; the token was not accepted: make another one, and put it into HF_TOKEN";
  if (cause == "RepoNotFound" || r.status == 401)
    return with_token ? "; there is no such repository, or this token may not read it"
                      : "; there is no such repository, or it is private: check the name, or set "
                        "HF_TOKEN to a token that may read it";
  return r.status == 404 ? "; check the names of repository, revision and file" : "";
}

std::string what_is_kept(uint64_t kept, uint64_t total, const std::string& name) {
  return fmt::format(
      "; {}{} bytes of {} are kept, and the same command goes on from there",
      kept,
      total ? fmt::format(" of {}", total) : "",
      name);
}

std::string without_network(const std::string& why) {
  return why +
         "; without a network, --offline (HF_HUB_OFFLINE=1) takes what lies in the cache, which "
         "can be copied from another machine";
}

}  // namespace

struct Network::Follow {
  const std::string& url;
  bool head = false;
  std::vector<std::string> headers = {};
  bool elsewhere = true;  // redirects to another host are followed, too
  Body body = [](const Reply&, std::span<const std::byte>) {};
  std::function<void()> begin = [] {};  // before each try
};

Reply Network::follow(const Follow& f) const {
  std::string at = f.url;
  Reply before;
  for (int hop = 0; hop <= most_redirects; ++hop) {
    Request request{
        .url = at,
        .head = f.head,
        .headers = f.headers,
        .connect_timeout = o_.connect_timeout,
        .stall_timeout = o_.stall_timeout};
    request.headers.emplace_back("Accept-Encoding: identity");
    if (!o_.token.empty() && origin_of(at) == origin_of(o_.endpoint))
      request.headers.push_back("Authorization: Bearer " + o_.token);
    Reply reply = perform(request, [&](const Reply& r, std::span<const std::byte> bytes) {
      if (good(r)) f.body(r, bytes);
    });
    for (const auto& [name, value] : before.headers)
      if (name.starts_with("x-")) reply.headers.emplace(name, value);
    if (!redirects(reply)) return reply;
    const std::string next = resolved(at, reply.header("location"));
    if (origin_of(next).empty() || (at.starts_with("https:") && !next.starts_with("https:")))
      throw IoError(
          f.url, fmt::format("refused a redirect from {} to \"{}\"", at, printable(next)));
    if (!f.elsewhere && origin_of(next) != origin_of(at)) return reply;
    before = std::move(reply);
    at = next;
  }
  throw IoError(f.url, fmt::format("more than {} redirects", most_redirects));
}

void Network::refuse(const std::string& url, const Reply& r) const {
  const std::string from = origin_of(r.url);
  const bool hub = from == origin_of(o_.endpoint);
  std::string advice =
      "; this server does not give the file; check the mirror that FOVEA_TORCHVISION_ENDPOINT "
      "names";
  if (hub || !r.header("x-error-code").empty())
    advice = hub_advice(r, hub && !o_.token.empty());
  else if (from != origin_of(url))
    advice = fmt::format("; {} refused the download link: try again, links expire", from);
  throw IoError(url, what_it_says(r) + advice);
}

void Network::wait(int tried, const Reply& reply, const std::string& why) const {
  double seconds = std::min(30.0, o_.pause * std::pow(2.0, tried - 1));
  if (const std::string after = reply.header("retry-after"); !after.empty())
    seconds = std::clamp(std::atof(after.c_str()), seconds, std::max(seconds, 60.0));
  if (o_.note) o_.note(fmt::format("{}; next try in {:.1f} s", why, seconds));
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

Reply Network::persist(const Follow& f) const {
  for (int tried = 1;; ++tried) {
    Reply reply;
    std::string why;
    try {
      f.begin();
      reply = follow(f);
      if (!busy(reply)) return reply;
      why = what_it_says(reply);
      if (tried == o_.tries) throw IoError(f.url, fmt::format("{}, {} times", why, tried));
    } catch (const TransferError& e) {
      why = e.what();
      if (!e.passing() || tried == o_.tries) throw IoError(f.url, without_network(why));
    }
    wait(tried, reply, why);
  }
}

Reply Network::head(const std::string& url) const {
  Reply reply = persist({.url = url, .head = true, .elsewhere = false});
  if (!good(reply) && !redirects(reply)) refuse(url, reply);
  return reply;
}

std::string Network::text(const std::string& url, size_t limit) const {
  std::string text;
  const Reply reply = persist(
      {.url = url,
       .body =
           [&](const Reply&, std::span<const std::byte> bytes) {
             if (bytes.size() > limit - text.size())
               throw IoError(url, fmt::format("the answer is longer than {} bytes", limit));
             text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
           },
       .begin = [&] { text.clear(); }});
  if (!good(reply)) refuse(url, reply);
  return text;
}

void Network::fetch(const Download& d) const {
  uint64_t furthest = 0;
  for (int tried = 1;; ++tried) {
    PartialFile file({.path = d.incomplete, .name = d.name, .size = d.size, .largest = o_.largest});
    const uint64_t had = file.size();
    if (d.size && had == *d.size) return file.keep();
    furthest = std::max(furthest, had);
    Reply reply;
    std::string why;
    bool passing = true, cut = false;
    try {
      std::vector<std::string> headers;
      if (had > 0) headers.push_back(fmt::format("Range: bytes={}-", had));
      reply = follow({.url = d.url, .headers = headers, .body = [&](const Reply& r, auto bytes) {
                        file.write(r, bytes);
                        if (o_.progress) o_.progress(d.name, file.size(), file.total());
                      }});
      if (good(reply) && (!d.size || file.size() == *d.size)) return file.keep();
      if (reply.status == 416) file.restart();  // there is no such range: it is another file
      if (!good(reply) && !busy(reply) && reply.status != 416) refuse(d.url, reply);
      why = good(reply) ? fmt::format("{} of {} bytes came", file.size(), *d.size)
                        : what_it_says(reply);
    } catch (const TransferError& e) {
      why = e.what();
      passing = e.passing();
      cut = true;
    }
    // New bytes count the tries anew; a file has an end, and so has this.
    if (file.size() >= furthest + real_progress) tried = 1;
    if (!passing || tried >= o_.tries) {
      if (file.size() > 0)
        why += what_is_kept(file.size(), d.size.value_or(file.total()), d.name);
      else
        why = cut ? without_network(why) : fmt::format("{}, {} times", why, tried);
      throw IoError(d.url, why);
    }
    wait(tried, reply, fmt::format("{}: {}", d.name, why));
  }
}

bool Network::download(const Download& d) const {
  if (fs::exists(d.to)) return false;
  for (const fs::path& file : {d.to, d.incomplete, d.lock})
    fs::create_directories(file.parent_path());
  const FileLock lock(d.lock, [&] {
    if (o_.note) o_.note(fmt::format("waiting for another process that fetches {}", d.name));
  });
  if (fs::exists(d.to)) return false;
  fetch(d);
  const std::string sum = d.hash == Hash::none ? "" : digest(d.incomplete, d.hash);
  if (!sum.starts_with(d.expected)) {
    fs::remove(d.incomplete);
    throw IoError(
        d.url,
        fmt::format(
            "what came is not the file: expected the {} {}, got {}; it was deleted, try again",
            d.hash == Hash::git ? "git hash" : "SHA-256",
            d.expected,
            sum));
  }
  PartialFile::finish(d.incomplete, d.to);
  return true;
}

}  // namespace fovea::hub
