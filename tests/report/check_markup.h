#pragma once

#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace fovea::report {

// Whether every tag of an XML text is closed in order and every attribute quoted; the message says
// what is not.
inline testing::AssertionResult is_well_formed(std::string_view text) {
  auto wrong = [](std::string_view what, std::string_view at) {
    return testing::AssertionFailure() << what << " near: " << at.substr(0, 60);
  };
  std::vector<std::string> open;
  while (!text.empty()) {
    if (text[0] == '&') {
      size_t end = text.find(';');
      if (end == text.npos || end > 7) return wrong("bare ampersand", text);
    }
    if (text[0] != '<') {
      text.remove_prefix(1);
      continue;
    }
    std::string_view here = text;
    bool closing = text.size() > 1 && text[1] == '/';
    text.remove_prefix(closing ? 2 : 1);
    std::string name;
    while (!text.empty() && std::isalnum(uint8_t(text[0]))) {
      name += text[0];
      text.remove_prefix(1);
    }
    if (name.empty()) return wrong("bare <", here);
    char quote = 0;
    bool empty = false;
    for (;; text.remove_prefix(1)) {
      if (text.empty()) return wrong("tag without end", here);
      char c = text[0];
      if (quote) {
        if (c == '<') return wrong("< in an attribute", here);
        if (c == quote) quote = 0;
      } else if (c == '"') {
        quote = c;
      } else if (c == '>') {
        break;
      } else {
        empty = c == '/';
      }
    }
    text.remove_prefix(1);
    if (closing) {
      if (open.empty() || open.back() != name) return wrong("closes another tag", here);
      open.pop_back();
    } else if (!empty) {
      open.push_back(name);
    }
  }
  if (!open.empty()) return testing::AssertionFailure() << "never closed: " << open.back();
  return testing::AssertionSuccess();
}

inline int count(std::string_view text, std::string_view part) {
  int n = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

template <class F>
std::string argument_error(F run) {
  try {
    run();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

}  // namespace fovea::report
