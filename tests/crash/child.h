#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace settle {

/// This program, started again with other arguments; its standard output comes through a pipe, its last words are its
/// own.
class Child {
 public:
  explicit Child(std::vector<std::string> arguments) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    std::vector<char*> argv;
    arguments.insert(arguments.begin(), "test_crash");
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    process_ = ::fork();
    if (process_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::close(STDERR_FILENO);
      ::close(ends[0]);
      ::close(ends[1]);
      ::execv("/proc/self/exe", argv.data());
      std::_Exit(127);
    }
    ::close(ends[1]);
    output_ = ends[0];
  }
  ~Child() { ::close(output_); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int output() const { return output_; }

  /// Waits for its end. The exit code, or the signal that ended it, negative.
  int wait() const {
    int status = 0;
    ::waitpid(process_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t process_ = 0;
  int output_ = -1;
};

/// What the program does when it is started again; the names of main(). Each returns the exit code.
int run_failing(const std::string& directory, const std::string& failure, std::uint64_t after);
int run_look(const std::string& directory, std::uint64_t count);

}  // namespace settle
