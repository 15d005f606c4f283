#pragma once

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/support/expect.h"
#include "tests/support/folder.h"

// Runs the fovea command as a shell does.
namespace fovea::test {

struct Outcome {
  int code = -1;  // 128 + the signal where one ended it
  std::string out, err;
};

class CommandTest : public FolderTest {
 protected:
  // The command in the test's folder; `words` go through the shell, `before` stands before it
  // ("VAR=1", "cat x |").
  Outcome fovea(const std::string& words, const std::string& before = "") const {
    return shell(before + " " + FOVEA_BINARY + " " + words);
  }

  Outcome shell(const std::string& line) const {
    std::string command = "cd '" + path() + "' && { " + line + " ; } >out.txt 2>err.txt";
    int status = std::system(command.c_str());
    return {code_of(status), read("out.txt"), read("err.txt")};
  }

  // Starts it and gives its process to `meanwhile`; then waits for its end.
  Outcome fovea_with(const std::string& words, const std::function<void(pid_t)>& meanwhile) const {
    pid_t child = ::fork();
    if (child == 0) {
      std::string line =
          "cd '" + path() + "' && exec " + FOVEA_BINARY + " " + words + " >out.txt 2>err.txt";
      ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
      ::_exit(127);
    }
    meanwhile(child);
    int status = 0;
    ::waitpid(child, &status, 0);
    return {code_of(status), read("out.txt"), read("err.txt")};
  }

  // Waits until the file is there; false after half a minute.
  bool wait_for(const std::string& file) const {
    for (int i = 0; i < 3000; ++i) {
      if (std::filesystem::exists(path(file))) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  bool exists(const std::string& file) const { return std::filesystem::exists(path(file)); }

  void write_grey(const std::string& name, int side, int value) const {
    std::string text = "P5\n" + std::to_string(side) + " " + std::to_string(side) + "\n255\n";
    write(name, text + std::string(size_t(side * side), char(value)));
  }

  // Two classes of coloured squares.
  void write_photos(const std::string& folder, int n = 10) const {
    for (int i = 0; i < n; ++i) {
      write_ppm(folder + "/red/" + std::to_string(i) + ".ppm", 200 + i, i, i);
      write_ppm(folder + "/blue/" + std::to_string(i) + ".ppm", i, i, 200 + i);
    }
  }

 private:
  static int code_of(int status) {
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
};

}  // namespace fovea::test
