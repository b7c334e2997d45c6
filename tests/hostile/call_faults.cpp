// Lets one system call of a program go wrong, or counts its calls:
//
//     call_faults [--from NAME] [--report FILE] [--call NAME] [--at N [--onward]]
//                 [--kill | --error ERRNO] [--] PROGRAM ARGUMENT…
//
// --call: only calls of this name count, otherwise all. At the N-th the program is killed or gets
// the error in the place of the call's result; with --onward at every later one too. --from: calls
// count from the first one of this name on. The report has a line "NAME NUMBER" for each kind of
// call that counted and "faults NUMBER". The exit code is the program's, 128+N where signal N ended
// it.
//
// Not strace: its injection counts the calls of each thread by themselves, so that the N-th call of
// the thread that unpacks could not fail without the main thread's N-th. Here all threads' calls
// are one row: a seccomp filter sends them to this process (seccomp_unotify(2), Linux 5.5).

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Fault {
  std::string from;     ///< a call's name; "" = from the first call on
  std::string call;     ///< "" = every call
  size_t at = 0;        ///< 0 = none
  bool onward = false;  ///< with an error: the calls after it too
  bool kill = false;
  std::string error;
};

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

int number_of_call(const std::string& name) {
  const int number = seccomp_syscall_resolve_name(name.c_str());
  if (number == __NR_SCMP_ERROR) throw std::runtime_error("no system call is named " + name);
  return number;
}

std::string name_of_call(int number) {
  char* const name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
  if (name == nullptr) return "call_" + std::to_string(number);
  std::string out = name;
  std::free(name);
  return out;
}

int number_of_error(const std::string& name) {
  for (int number = 1; number < 200; ++number) {
    const char* const known = strerrorname_np(number);
    if (known != nullptr && name == known) return number;
  }
  throw std::runtime_error("no error is named " + name);
}

// Sends `numbers`, or every call where there are none, to whoever holds the descriptor that it
// returns. sendmsg is left out: by that the descriptor gets there.
int intercept(const std::vector<int>& numbers) {
  std::vector<sock_filter> code;
  const auto add = [&code](uint32_t what, uint32_t value, size_t if_so = 0, size_t if_not = 0) {
    code.push_back({static_cast<uint16_t>(what), static_cast<uint8_t>(if_so),
                    static_cast<uint8_t>(if_not), value});
  };
  constexpr uint32_t kIsEqual = BPF_JMP | BPF_JEQ | BPF_K;
  add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
  if (numbers.empty()) {
    add(kIsEqual, SYS_sendmsg, 1, 0);
    add(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  } else {
    for (const int number : numbers) {
      add(kIsEqual, static_cast<uint32_t>(number), 0, 1);
      add(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    }
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return static_cast<int>(
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

union Ancillary {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int))> space;
};

msghdr one_byte_with_a_descriptor(iovec& part, char& byte, Ancillary& ancillary) {
  part = {&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.space.data();
  message.msg_controllen = ancillary.space.size();
  return message;
}

// In the child, after whose filter nearly no call may be made.
[[noreturn]] void start(int socket, const std::vector<int>& numbers, char** argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  iovec part{};
  char byte = 0;
  Ancillary ancillary{};
  msghdr message = one_byte_with_a_descriptor(part, byte, ancillary);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int listener = intercept(numbers);
  if (listener < 0) _exit(125);
  std::memcpy(CMSG_DATA(header), &listener, sizeof listener);
  if (sendmsg(socket, &message, 0) != 1) _exit(125);
  // Both descriptors go: the child must not be its own listener.
  close(listener);
  close(socket);
  execv(argv[0], argv);
  _exit(127);
}

int receive_listener(int socket) {
  iovec part{};
  char byte = 0;
  Ancillary ancillary{};
  msghdr message = one_byte_with_a_descriptor(part, byte, ancillary);
  if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1) {
    throw std::runtime_error("system calls cannot be intercepted here");
  }
  int listener = -1;
  std::memcpy(&listener, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof listener);
  return listener;
}

/// Answers every intercepted call of a program until its end.
class Supervisor {
 public:
  Supervisor(Fault fault, pid_t program)
      : fault_(std::move(fault)),
        program_(program),
        call_(fault_.call.empty() ? -1 : number_of_call(fault_.call)),
        from_(fault_.from.empty() ? -1 : number_of_call(fault_.from)),
        error_(fault_.error.empty() ? 0 : number_of_error(fault_.error)),
        has_begun_(fault_.from.empty()) {
    if (seccomp_notify_alloc(&request_, &response_) != 0) fail("seccomp_notify_alloc");
  }
  ~Supervisor() { seccomp_notify_free(request_, response_); }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  void serve(int listener) {
    pollfd waited{listener, POLLIN, 0};
    while (true) {
      if (poll(&waited, 1, -1) < 0 && errno != EINTR) fail("poll");
      if ((waited.revents & POLLIN) == 0) {
        if ((waited.revents & (POLLHUP | POLLERR)) != 0) return;
        continue;
      }
      std::memset(request_, 0, sizeof *request_);
      // The thread may have been killed meanwhile.
      if (seccomp_notify_receive(listener, request_) != 0) continue;
      std::memset(response_, 0, sizeof *response_);
      response_->id = request_->id;
      response_->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
      if (goes_wrong(request_->data.nr)) {
        ++faults_;
        if (fault_.kill) ::kill(program_, SIGKILL);
        if (error_ != 0) {
          response_->flags = 0;
          response_->error = -error_;
        }
      }
      seccomp_notify_respond(listener, response_);
    }
  }

  void report(std::ostream& out) const {
    for (const auto& [number, times] : counts_) out << name_of_call(number) << ' ' << times << '\n';
    out << "faults " << faults_ << '\n';
  }

 private:
  bool goes_wrong(int number) {
    has_begun_ = has_begun_ || number == from_;
    if (!has_begun_ || (call_ >= 0 && number != call_)) return false;
    ++counts_[number];
    ++count_;
    return fault_.at != 0 && (fault_.onward ? count_ >= fault_.at : count_ == fault_.at);
  }

  const Fault fault_;
  const pid_t program_;
  const int call_;
  const int from_;
  const int error_;
  bool has_begun_;
  size_t count_ = 0;
  size_t faults_ = 0;
  std::map<int, size_t> counts_;
  seccomp_notif* request_ = nullptr;
  seccomp_notif_resp* response_ = nullptr;
};

int run(const Fault& fault, const std::string& report, std::vector<std::string> command) {
  std::vector<char*> argv;
  for (std::string& argument : command) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::vector<int> numbers;
  for (const std::string& name : {fault.call, fault.from}) {
    if (!fault.call.empty() && !name.empty()) numbers.push_back(number_of_call(name));
  }
  std::array<int, 2> sockets{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0) fail("socketpair");
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) start(sockets[1], numbers, argv.data());
  close(sockets[1]);
  Supervisor supervisor(fault, child);
  const int listener = receive_listener(sockets[0]);
  supervisor.serve(listener);
  int status = 0;
  if (waitpid(child, &status, 0) != child) fail("waitpid");
  if (!report.empty()) {
    std::ofstream out(report);
    supervisor.report(out);
    if (!out.flush()) fail(report);
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Lets one system call of a program go wrong, or counts its calls.");
  Fault fault;
  std::string report;
  std::vector<std::string> command;
  app.add_option("--from", fault.from);
  app.add_option("--report", report);
  app.add_option("--call", fault.call);
  app.add_option("--at", fault.at);
  app.add_flag("--onward", fault.onward);
  app.add_flag("--kill", fault.kill);
  app.add_option("--error", fault.error);
  app.add_option("PROGRAM", command)->required();
  CLI11_PARSE(app, argc, argv);
  try {
    return run(fault, report, command);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 126;
  }
}
