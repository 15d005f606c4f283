#pragma once

#include <cstdint>
#include <semaphore>
#include <string>

#include "fovea/models/model_file.h"
#include "fovea/serve/batcher.h"
#include "fovea/serve/http.h"
#include "fovea/serve/metrics.h"

namespace fovea::serve {

struct ServiceOptions {
  std::string name = "model";  // of the model, in answers and on the page
  BatcherOptions batches = {};
  uint64_t max_pixels = 64'000'000;  // of a picture; what is larger is not decoded
  int top = 5;                       // classes of an answer that asks for no number
};

// What a server says to requests, whatever carries them:
//   GET  /         a page to try the model on pictures
//   GET  /model    what the model is
//   POST /predict  a picture as the body, or as the field "image" of a form; ?top=K
//   GET  /health, GET /metrics
// Answers are JSON but for the page and the metrics (text, for Prometheus); mistakes are
// {"error": "..."} with a status that says whose they are.
class Service {
 public:
  // Errors as those of Batcher. The model must outlive this.
  Service(const models::Model& model, const ServiceOptions& o);

  HttpReply answer(const HttpRequest& request);     // from any thread; never throws
  void count(const std::string& path, int status);  // an answer, given here or elsewhere
  void hurry() { batcher_.hurry(); }                // no picture waits for others any more
  uint64_t predictions() const { return metrics_.predictions(); }

 private:
  HttpReply reply(const HttpRequest& request);
  HttpReply predict(const HttpRequest& request);
  std::vector<image::Image> views_of(const HttpRequest& request);

  const ServiceOptions options_;
  const std::vector<std::string>& classes_;
  const std::string about_;             // the answer of /model
  std::counting_semaphore<> decoders_;  // pictures that may be decoded at once
  Metrics metrics_;
  Batcher batcher_;
};

}  // namespace fovea::serve
