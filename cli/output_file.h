#pragma once

#include <initializer_list>
#include <string>

// What verbs say in one way of files they write beside their result.
namespace fovea::cli {

// Before the work that a file is made of, where `path` is not empty: throws std::invalid_argument,
// naming the option, for another ending than these (any, where there are none), and IoError where
// no file can be written.
void check_output(
    const std::string& option,
    const std::string& path,
    std::initializer_list<const char*> endings = {});

// "report     runs/r/report.html": the line that says where a file lies.
std::string file_line(const std::string& what, const std::string& path);

}  // namespace fovea::cli
