#include "installer/install/stop_flag.hpp"

#include <csignal>
#include <cstring>
#include <string>

#include "installer/base/error.hpp"

namespace eb {

void StopFlag::check() const {
  const int number = signal();
  if (number == 0) return;
  const char* name = sigabbrev_np(number);
  throw Error(static_cast<ExitCode>(128 + number),
              std::string("stopped by SIG") + (name != nullptr ? name : std::to_string(number)));
}

}  // namespace eb
