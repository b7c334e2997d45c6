#include "runtime/image/serve.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "installer/base/error.hpp"
#include "runtime/image/squash_ops.hpp"

namespace eb::image {
namespace {

std::atomic<bool> g_is_told_to_leave{false};

// A job's end comes as SIGTERM to all, while programs still write what they have.
void set_signals() {
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2}) {
    std::signal(signal, SIG_IGN);
  }
  std::signal(SIGTERM, [](int) { g_is_told_to_leave = true; });
  std::signal(SIGCHLD, SIG_DFL);
}

// The kernel knows best whether somebody uses a mount: it refuses to unmount it then.
void leave_when_unused(const ServeOrder& order) {
  uint64_t seen = 0;
  unsigned quiet = 0;  // seconds
  while (true) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const uint64_t now = SquashSession::requests();
    quiet = now == seen ? quiet + 1 : 0;
    seen = now;
    if (quiet < order.idle_seconds && !g_is_told_to_leave) continue;
    if (unmount(order.way, order.point, false)) return;
    quiet = 0;
  }
}

void report(const std::string& text) {
  // Whoever waited may be gone.
  if (::write(kReportFd, text.data(), text.size()) < 0) return;
}

}  // namespace

int serve(const ServeOrder& order) {
  set_signals();
  ::prctl(PR_SET_NAME, "envimage");
  try {
    SquashSession session(order.image);
    Fd fuse = mount_fuse(order.way, order.point);
    session.attach(fuse.release());
    report(kReady + std::to_string(::getpid()) + "\n");
    ::close(kReportFd);
    std::thread(leave_when_unused, order).detach();
    session.run();
    // The other thread may be in the middle of something; nothing is left to be saved.
    ::_exit(0);
  } catch (const Error& error) {
    std::string text = error.what();
    if (!error.where().empty()) text += ", " + error.where();
    if (!error.why().empty()) text += " (" + error.why() + ")";
    report(text);
    return 1;
  }
}

}  // namespace eb::image
