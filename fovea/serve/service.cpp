#include "fovea/serve/service.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <new>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/device.h"
#include "fovea/core/errors.h"
#include "fovea/image/decode.h"
#include "fovea/serve/multipart.h"
#include "fovea/serve/page.h"

namespace fovea::serve {

namespace {

using Json = nlohmann::ordered_json;

struct Path {
  std::string_view path, method;
};
constexpr Path paths[] = {
    {"/", "GET"}, {"/predict", "POST"}, {"/model", "GET"}, {"/health", "GET"}, {"/metrics", "GET"}};

// Names of classes and words of a request need not be UTF-8, as JSON has to be.
std::string text_of(const Json& j) {
  return j.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string describe(const models::Model& model, const std::string& name) {
  const data::Preprocess& p = model.preprocess;
  const Json j{
      {"name", name},
      {"architecture", model.architecture.name},
      {"input", {p.height, p.width, p.channels}},
      {"parameters", nn::count_parameters(*model.net)},
      {"classes", model.classes},
      {"preprocessing", Json::parse(p.to_json())},
      {"metrics", model.metrics},
      {"licence", model.licence},
      {"version", model.version}};
  return text_of(j);
}

std::string list_of_paths() {
  std::string list;
  for (const Path& p : paths)
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", p.method, p.path);
  return list;
}

int top_of(const HttpRequest& request, int otherwise) {
  const auto it = request.query.find("top");
  if (it == request.query.end()) return otherwise;
  const std::string& text = it->second;
  int top = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), top);
  if (error != std::errc() || end != text.data() + text.size() || top < 1)
    throw std::invalid_argument(
        fmt::format("top: expected a number of at least 1, got \"{}\"", text));
  return top;
}

}  // namespace

HttpReply error_reply(int status, const std::string& message) {
  return {.status = status, .body = text_of({{"error", message}})};
}

Service::Service(const models::Model& model, const ServiceOptions& o)
    : options_(o),
      classes_(model.classes),
      about_(describe(model, o.name)),
      decoders_(std::max(2, threads())),
      metrics_(batch_sizes(model, o.batches)),
      batcher_(model, [&] {
        BatcherOptions b = o.batches;
        b.ran = [this](int pictures) { metrics_.ran(size_t(pictures)); };
        return b;
      }()) {}

HttpReply Service::answer(const HttpRequest& request) {
  HttpReply r;
  try {
    r = reply(request);
  } catch (const std::invalid_argument& e) {
    r = error_reply(400, e.what());
  } catch (const IoError& e) {
    r = error_reply(400, e.what());
  } catch (const Busy& e) {
    r = error_reply(503, e.what());
    r.headers["Retry-After"] = "1";
  } catch (const std::bad_alloc&) {
    r = error_reply(503, "out of memory; a smaller picture needs less");
  } catch (const std::exception& e) {
    r = error_reply(500, e.what());
  }
  count(request.path, r.status);
  return r;
}

void Service::count(const std::string& path, int status) {
  const bool known = std::ranges::find(paths, path, &Path::path) != std::end(paths);
  metrics_.answered(known ? std::string_view(path) : "other", status);
}

HttpReply Service::reply(const HttpRequest& request) {
  const auto* path = std::ranges::find(paths, request.path, &Path::path);
  if (path == std::end(paths))
    return error_reply(
        404, fmt::format("nothing is at {}; there are {}", request.path, list_of_paths()));
  const std::string_view method =
      request.method == "HEAD" ? "GET" : std::string_view(request.method);
  if (method != path->method) {
    HttpReply r = error_reply(
        405, fmt::format("{} takes {}, not {}", request.path, path->method, request.method));
    r.headers["Allow"] = path->method == "GET" ? "GET, HEAD" : std::string(path->method);
    return r;
  }
  if (request.path == "/predict") return predict(request);
  if (request.path == "/model") return {.body = about_};
  if (request.path == "/health") return {.body = text_of({{"status", "ok"}})};
  if (request.path == "/metrics")
    return {
        .content_type = "text/plain; version=0.0.4; charset=utf-8",
        .body = metrics_.text(batcher_.waiting())};
  return {
      .content_type = "text/html; charset=utf-8",
      .body = std::string(page()),
      .headers = {{"Content-Security-Policy", std::string(page_policy)}}};
}

// What cannot be used of a request is said here, before anything is computed.
std::vector<image::Image> Service::views_of(const HttpRequest& request) {
  std::string_view bytes = request.body;
  if (is_form(request.content_type)) {
    const auto field = form_field(request.content_type, request.body, "image");
    if (!field)
      throw std::invalid_argument("expected a form with a picture in the field \"image\"");
    bytes = *field;
  }
  image::DecodeOptions how = batcher_.decode_options();
  how.max_pixels = options_.max_pixels;
  const Turns::Turn turn(decoders_);
  const std::span all(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  return batcher_.views(image::decode(all, how, "the picture"));
}

HttpReply Service::predict(const HttpRequest& request) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const int top = top_of(request, options_.top);
  std::vector<image::Image> views = views_of(request);
  train::Prediction p;
  try {
    p = batcher_.predict(std::move(views), top);
  } catch (const std::invalid_argument& e) {  // not of the client's making
    return error_reply(500, e.what());
  }
  const std::chrono::duration<double> seconds = Clock::now() - begin;
  metrics_.predicted(seconds.count());
  Json predictions = Json::array();
  for (size_t i = 0; i < p.classes.size(); ++i)
    predictions.push_back(
        {{"class", classes_[size_t(p.classes[i])]}, {"probability", p.probabilities[i]}});
  return {
      .body = text_of(
          {{"model", options_.name},
           {"predictions", std::move(predictions)},
           {"milliseconds", std::round(seconds.count() * 1e6) / 1e3}})};
}

}  // namespace fovea::serve
