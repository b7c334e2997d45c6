#include "bundler/cli/interruption.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "bundler/pack/temporaries.hpp"

namespace eb {
namespace {

std::atomic<bool> g_interrupted = false;
std::atomic<pid_t> g_child = 0;

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  return set;
}

void wait_for_signal() {
  const sigset_t set = handled_signals();
  int signal = 0;
  while (sigwait(&set, &signal) != 0) {
  }
  g_interrupted = true;
  if (const pid_t child = g_child; child > 0) ::kill(child, SIGTERM);
  remove_temporaries();
  // The parent learns the truth: ended by this signal, not "exited with some code".
  ::signal(signal, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(signal);
}

}  // namespace

void handle_interruptions() {
  // Threads inherit the mask, so that the signal comes to the one that waits for it.
  const sigset_t set = handled_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread(wait_for_signal).detach();
  // A reader of our output that went away shows as an error of the write.
  ::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() { return g_interrupted; }

void wait_for_the_end() {
  while (true) ::pause();
}

void register_child(pid_t child) { g_child = child; }

}  // namespace eb
