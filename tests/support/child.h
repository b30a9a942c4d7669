#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

namespace settle {

/// This program, started again with other arguments; its standard output comes through a pipe. One that still runs is
/// killed with the object.
class Child {
 public:
  enum class Errors : std::uint8_t { shown, its_own };

  explicit Child(std::vector<std::string> arguments, Errors errors = Errors::shown) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    std::vector<char*> argv;
    arguments.insert(arguments.begin(), "child");
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    process_ = ::fork();
    if (process_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      if (errors == Errors::its_own) ::close(STDERR_FILENO);
      ::close(ends[0]);
      ::close(ends[1]);
      ::execv("/proc/self/exe", argv.data());
      std::_Exit(127);
    }
    ::close(ends[1]);
    output_ = ends[0];
  }
  ~Child() {
    if (process_ > 0) kill();
    ::close(output_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int output() const { return output_; }

  /// The next number that it wrote; null at the end of its output.
  std::optional<std::uint64_t> read() {
    std::uint64_t n = 0;
    std::size_t filled = 0;
    while (filled < sizeof(n)) {
      const ssize_t count = ::read(output_, reinterpret_cast<char*>(&n) + filled, sizeof(n) - filled);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return {};
      filled += static_cast<std::size_t>(count);
    }
    return n;
  }

  /// Ends it without warning, and waits for its end.
  void kill() {
    ::kill(process_, SIGKILL);
    wait();
  }

  /// Waits for its end. The exit code, or the signal that ended it, negative.
  int wait() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t process_ = 0;
  int output_ = -1;
};

}  // namespace settle
