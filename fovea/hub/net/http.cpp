// By libcurl. The library and the thirty it needs take milliseconds to load, so they are opened by
// the first request and not when the program starts.
#include "fovea/hub/http.h"

#include <algorithm>
#include <array>
#include <curl/curl.h>
#include <dlfcn.h>
#include <exception>
#include <memory>
#include <string_view>

#include <fmt/format.h>

#include "fovea/core/text.h"
#include "fovea/core/version.h"

namespace fovea::hub {

namespace {

// The functions of libcurl that are used.
struct Curl {
  decltype(&::curl_global_init) global_init;
  decltype(&::curl_easy_init) easy_init;
  decltype(&::curl_easy_setopt) easy_setopt;
  decltype(&::curl_easy_perform) easy_perform;
  decltype(&::curl_easy_cleanup) easy_cleanup;
  decltype(&::curl_easy_strerror) easy_strerror;
  decltype(&::curl_slist_append) slist_append;
  decltype(&::curl_slist_free_all) slist_free_all;
};

const Curl& curl() {
  static const Curl functions = [] {
    void* library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library)
      throw std::runtime_error(fmt::format(
          "downloads need libcurl, which cannot be loaded ({}); Debian's package is libcurl4",
          ::dlerror()));
    Curl c{};
    auto find = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::decay_t<decltype(function)>>(::dlsym(library, name));
      if (!function) throw std::runtime_error(fmt::format("this libcurl has no {}", name));
    };
    find(c.global_init, "curl_global_init");
    find(c.easy_init, "curl_easy_init");
    find(c.easy_setopt, "curl_easy_setopt");
    find(c.easy_perform, "curl_easy_perform");
    find(c.easy_cleanup, "curl_easy_cleanup");
    find(c.easy_strerror, "curl_easy_strerror");
    find(c.slist_append, "curl_slist_append");
    find(c.slist_free_all, "curl_slist_free_all");
    if (c.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
      throw std::runtime_error("libcurl cannot be initialised");
    return c;
  }();
  return functions;
}

struct Exchange {
  Reply reply;
  const Body& body;
  std::exception_ptr thrown = nullptr;
};

// A line of the head of an answer. A new status line begins a new answer (after 100 Continue).
size_t on_header(char* data, size_t size, size_t count, void* user) {
  auto& reply = static_cast<Exchange*>(user)->reply;
  std::string_view line(data, size * count);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    reply = {};
    if (size_t space = line.find(' '); space != line.npos)
      reply.status = std::atoi(std::string(line.substr(space + 1)).c_str());
  } else if (size_t colon = line.find(':'); colon != line.npos) {
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    reply.headers[lower(std::string(line.substr(0, colon)))] = value;
  }
  return size * count;
}

size_t on_body(char* data, size_t size, size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  try {
    exchange.body(exchange.reply, std::as_bytes(std::span(data, size * count)));
  } catch (...) {
    exchange.thrown = std::current_exception();
    return 0;  // ends the transfer
  }
  return size * count;
}

bool passes(CURLcode code) {
  constexpr std::array passing{
      CURLE_PARTIAL_FILE,
      CURLE_OPERATION_TIMEDOUT,
      CURLE_GOT_NOTHING,
      CURLE_SEND_ERROR,
      CURLE_RECV_ERROR,
      CURLE_HTTP2,
      CURLE_HTTP2_STREAM};
  return std::ranges::find(passing, code) != passing.end();
}

}  // namespace

Reply perform(const Request& request, const Body& body) {
  const Curl& c = curl();
  const std::unique_ptr<CURL, decltype(c.easy_cleanup)> handle(c.easy_init(), c.easy_cleanup);
  if (!handle) throw std::bad_alloc();
  curl_slist* list = nullptr;
  for (const std::string& line : request.headers) list = c.slist_append(list, line.c_str());
  const std::unique_ptr<curl_slist, decltype(c.slist_free_all)> headers(list, c.slist_free_all);
  Exchange exchange{.reply = {}, .body = body};
  std::array<char, CURL_ERROR_SIZE> message{};
  const std::string agent = fmt::format("fovea/{}", version());
  auto set = [&](CURLoption option, auto value) { c.easy_setopt(handle.get(), option, value); };
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_NOBODY, long(request.head));
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_USERAGENT, agent.c_str());
  set(CURLOPT_HTTPHEADER, headers.get());
  set(CURLOPT_CONNECTTIMEOUT_MS, long(1000 * request.connect_timeout));
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);  // bytes a second
  set(CURLOPT_LOW_SPEED_TIME, std::max(1L, long(request.stall_timeout)));
  set(CURLOPT_ERRORBUFFER, message.data());
  set(CURLOPT_HEADERFUNCTION, on_header);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&exchange));
  set(CURLOPT_WRITEFUNCTION, on_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&exchange));
  const CURLcode code = c.easy_perform(handle.get());
  if (exchange.thrown) std::rethrow_exception(exchange.thrown);
  if (code != CURLE_OK)
    throw TransferError(message[0] ? message.data() : c.easy_strerror(code), passes(code));
  exchange.reply.url = request.url;
  return std::move(exchange.reply);
}

}  // namespace fovea::hub
