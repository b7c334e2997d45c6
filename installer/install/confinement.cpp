#include "installer/install/confinement.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <string>
#include <system_error>
#include <thread>

namespace eb {
namespace {

// From linux/landlock.h (kernel 6.12), which build machines may lack or have older. The numbers of
// system calls from 424 on are the same on every architecture.
constexpr long kCreateRuleset = 444;
constexpr long kAddRule = 445;
constexpr long kRestrictSelf = 446;
constexpr uint32_t kVersionFlag = 1;
constexpr int kPathBeneath = 1;

constexpr uint64_t kExecute = 1u << 0;
constexpr uint64_t kWriteFile = 1u << 1;
constexpr uint64_t kRemoveDir = 1u << 4;
constexpr uint64_t kRemoveFile = 1u << 5;
constexpr uint64_t kMakeChar = 1u << 6;
constexpr uint64_t kMakeDir = 1u << 7;
constexpr uint64_t kMakeReg = 1u << 8;
constexpr uint64_t kMakeSock = 1u << 9;
constexpr uint64_t kMakeFifo = 1u << 10;
constexpr uint64_t kMakeBlock = 1u << 11;
constexpr uint64_t kMakeSym = 1u << 12;
constexpr uint64_t kRefer = 1u << 13;     // ABI 2: rename and link from folder to folder
constexpr uint64_t kTruncate = 1u << 14;  // ABI 3
constexpr uint64_t kBindTcp = 1u << 0;    // ABI 4
constexpr uint64_t kConnectTcp = 1u << 1;

struct RulesetAttributes {
  uint64_t handled_access_fs = 0;
  uint64_t handled_access_net = 0;
};
struct __attribute__((packed)) PathBeneathAttributes {
  uint64_t allowed_access = 0;
  int32_t parent_fd = -1;
};

std::string error_text(const char* what) {
  return std::string(what) + ": " + std::error_code(errno, std::generic_category()).message();
}

// What the calling thread gives up. Empty, or why it could not.
std::string restrict_thread(const Confinement& confinement, int abi) {
  // Landlock asks for it, and it is right by itself: nothing here starts a set-uid program.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return error_text("no_new_privs");
  if (abi < 1) return "this kernel has no Landlock, or it is switched off";
  if (abi < 2 && confinement.between_folders) return "this kernel's Landlock allows no links";
  uint64_t allowed = kWriteFile | kRemoveDir | kRemoveFile | kMakeDir | kMakeReg | kMakeSym;
  if (abi >= 2) allowed |= kRefer;
  if (abi >= 3) allowed |= kTruncate;
  RulesetAttributes attributes;
  attributes.handled_access_fs =
      allowed | kExecute | kMakeChar | kMakeSock | kMakeFifo | kMakeBlock;
  if (abi >= 4) attributes.handled_access_net = kBindTcp | kConnectTcp;
  // An older kernel knows only the first field, and refuses a size that it does not know.
  const size_t size = abi >= 4 ? sizeof attributes : sizeof attributes.handled_access_fs;
  const auto ruleset = static_cast<int>(::syscall(kCreateRuleset, &attributes, size, 0));
  if (ruleset < 0) return error_text("landlock_create_ruleset");
  const PathBeneathAttributes rule{allowed, confinement.prefix};
  std::string out;
  if (::syscall(kAddRule, ruleset, kPathBeneath, &rule, 0) != 0) {
    out = error_text("landlock_add_rule");
  } else if (::syscall(kRestrictSelf, ruleset, 0) != 0) {
    out = error_text("landlock_restrict_self");
  }
  ::close(ruleset);
  return out;
}

/// RLIMIT_FSIZE is the whole process's, so it is put back afterwards. Only the soft limit changes.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::optional<uint64_t> largest) {
    if (!largest || ::getrlimit(RLIMIT_FSIZE, &before_) != 0) return;
    uint64_t limit = *largest;
    // What is printed may go into a file too, and that may be long already.
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
      struct stat info {};
      if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
        limit = std::max(limit, static_cast<uint64_t>(info.st_size));
      }
    }
    limit += kRoomForOutput;
    if (before_.rlim_cur != RLIM_INFINITY && before_.rlim_cur <= limit) return;
    rlimit lower = before_;
    lower.rlim_cur = limit;
    is_set_ = ::setrlimit(RLIMIT_FSIZE, &lower) == 0;
  }
  ~FileSizeLimit() {
    if (is_set_) ::setrlimit(RLIMIT_FSIZE, &before_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  static constexpr uint64_t kRoomForOutput = 16u << 20;  // bytes
  rlimit before_{};
  bool is_set_ = false;
};

}  // namespace

int landlock_abi() noexcept {
  const long abi = ::syscall(kCreateRuleset, nullptr, 0, kVersionFlag);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

void run_confined(const Confinement& confinement, EventSink& events,
                  const std::function<void()>& work) {
  const FileSizeLimit limit(confinement.largest_file);
  const int abi = landlock_abi();
  std::exception_ptr failure;
  const auto body = [&] {
    try {
      const std::string problem = restrict_thread(confinement, abi);
      events.on(Note{problem.empty() ? "unpacking may write below the prefix only (Landlock ABI " +
                                           std::to_string(abi) + ")"
                                     : "unpacking is not confined: " + problem});
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  };
  std::thread thread;
  try {
    thread = std::thread(body);
  } catch (const std::system_error& error) {
    // A limit on processes. Without a thread of its own the restrictions would stay for ever.
    events.on(Note{std::string("unpacking is not confined: ") + error.what()});
    work();
    return;
  }
  thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace eb
