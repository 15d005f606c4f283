#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

// One HTTP exchange. Redirects, tries and tokens are the business of network.h.
namespace fovea::hub {

struct Request {
  std::string url;                   // http or https
  bool head = false;                 // ask for the headers alone
  std::vector<std::string> headers;  // "Name: value"
  double connect_timeout = 10;       // s
  double stall_timeout = 30;         // s without a byte
};

struct Reply {
  int status = 0;
  std::map<std::string, std::string> headers;  // by name in small letters
  std::string url;                             // that was asked

  std::string header(const std::string& name) const;              // empty where there is none
  std::optional<uint64_t> number(const std::string& name) const;  // nothing where it is none
};

// No whole answer came. `passing`: another try may help, as when the connection was cut.
class TransferError : public std::runtime_error {
 public:
  TransferError(const std::string& message, bool passing)
      : std::runtime_error(message), passing_(passing) {}

  bool passing() const { return passing_; }

 private:
  bool passing_;
};

// Gets the bytes of the body as they come; status and headers are known by then. What it throws
// ends the exchange and reaches the caller of perform.
using Body = std::function<void(const Reply&, std::span<const std::byte>)>;

// Asks and waits for the end of the answer, whatever its status. Uses libcurl, which is loaded by
// the first call and heeds http_proxy, https_proxy and no_proxy. Throws TransferError, and
// std::runtime_error where libcurl is not there.
Reply perform(const Request& request, const Body& body);

}  // namespace fovea::hub
