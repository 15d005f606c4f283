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

// The page without its doctype and with void elements closed, as XML would have them.
inline std::string as_xml(std::string page) {
  page.erase(0, page.find('\n') + 1);
  for (std::string_view tag : {"<meta", "<img"})
    for (size_t at = page.find(tag); at != page.npos; at = page.find(tag, at + 1))
      page.insert(page.find('>', at), "/");
  return page;
}

// Whether a page is well formed and needs nothing from outside: no script, and no address but of
// what is in it.
inline testing::AssertionResult stands_alone(const std::string& page) {
  if (auto formed = is_well_formed(as_xml(page)); !formed) return formed;
  for (std::string_view tag : {"<script", "<link", "<iframe", "url(", "@import"})
    if (count(page, tag) > 0) return testing::AssertionFailure() << "has " << tag;
  for (std::string_view name : {" src=\"", " href=\""})
    for (size_t at = page.find(name); at != page.npos; at = page.find(name, at + 1)) {
      const std::string_view address = std::string_view(page).substr(at + name.size(), 40);
      if (!address.starts_with("data:image/png;base64,") && !address.starts_with("#"))
        return testing::AssertionFailure() << "asks for " << address;
    }
  return testing::AssertionSuccess();
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
