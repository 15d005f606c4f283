#pragma once

#include <string>

namespace fovea::test {

struct Answer {
  int status = 0;  // 0: none came
  std::string head, body;
};

// Sends these bytes to a port of this machine, then the end if `end`, and reads until it is closed.
Answer send_raw(int port, const std::string& bytes, bool end = false);

// One request, with a body where there is one.
Answer ask(
    int port,
    const std::string& method,
    const std::string& path,
    const std::string& body = "",
    const std::string& headers = "");

}  // namespace fovea::test
