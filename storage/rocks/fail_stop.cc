#include "storage/rocks/fail_stop.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

namespace settle {

void fail_stop(std::string_view what, std::string_view where, std::string_view why, ErrorCode code) {
  const int exit_code = info(code).exit_code;
  std::string line = "settle: storage: ";
  line.append(what).append(" failed in ").append(where).append(": ").append(why);
  line += "; ending with exit code " + std::to_string(exit_code);
  line += code == ErrorCode::corruption ? ": the data is damaged; look at the disk, and put back a good copy\n"
                                        : " so that the next start recovers from what the disk holds\n";
  // One unbuffered write, so that the line is out before the process is gone.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
  std::_Exit(exit_code);
}

}  // namespace settle
