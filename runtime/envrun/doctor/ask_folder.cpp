#include <fcntl.h>
#include <linux/quota.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "runtime/envrun/doctor/read_machine.hpp"

namespace eb {
namespace {

#ifndef SYS_quotactl_fd
constexpr long SYS_quotactl_fd = 443;  // the same on every architecture; since Linux 5.14
#endif

constexpr uint64_t kQuotaBlock = 1024;  // QIF_DQBLKSIZE: what the kernel counts limits in

uint64_t lower_limit(uint64_t soft, uint64_t hard) {
  if (soft == 0 || hard == 0) return std::max(soft, hard);
  return std::min(soft, hard);
}

// Everyone may ask for their own user and group. quotactl(2) would need the device of the mount;
// this call takes the folder, and answers ENOSYS, ESRCH or ENOTSUP where there is no quota.
void add_quota(int fd, int type, unsigned id, const char* kind, FolderAnswer& out) {
  struct if_dqblk block {};
  if (syscall(SYS_quotactl_fd, fd, QCMD(Q_GETQUOTA, type), id, &block) != 0) return;
  Quota quota{.kind = kind,
              .used_bytes = block.dqb_curspace,
              .limit_bytes = lower_limit(block.dqb_bsoftlimit, block.dqb_bhardlimit) * kQuotaBlock,
              .used_files = block.dqb_curinodes,
              .limit_files = lower_limit(block.dqb_isoftlimit, block.dqb_ihardlimit)};
  if (quota.limit_bytes != 0 || quota.limit_files != 0) out.quotas.push_back(quota);
}

}  // namespace

FolderAnswer ask_folder(const std::string& path) {
  FolderAnswer out;
  out.path = path;
  out.has_answered = true;
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct statfs info {};
  // A folder that may be entered but not listed cannot be opened; it can still be asked about.
  const int result = fd >= 0 ? fstatfs(fd, &info) : statfs(path.c_str(), &info);
  if (result != 0) {
    out.error = errno;
    if (fd >= 0) close(fd);
    return out;
  }
  const auto block = static_cast<uint64_t>(info.f_frsize > 0 ? info.f_frsize : info.f_bsize);
  out.type = static_cast<uint32_t>(info.f_type);
  out.total_bytes = info.f_blocks * block;
  out.free_bytes = info.f_bavail * block;
  out.total_files = info.f_files;
  out.free_files = info.f_ffree;
  out.is_read_only = (static_cast<unsigned long>(info.f_flags) & ST_RDONLY) != 0;
  out.is_noexec = (static_cast<unsigned long>(info.f_flags) & ST_NOEXEC) != 0;
  out.is_writable = access(path.c_str(), W_OK) == 0;
  if (fd >= 0) {
    add_quota(fd, USRQUOTA, getuid(), "user", out);
    add_quota(fd, GRPQUOTA, getgid(), "group", out);
    close(fd);
  }
  return out;
}

std::string folder_text(const FolderAnswer& answer) {
  std::ostringstream out;
  out << answer.error << ' ' << answer.type << ' ' << answer.total_bytes << ' ' << answer.free_bytes
      << ' ' << answer.total_files << ' ' << answer.free_files << ' ' << answer.is_read_only << ' '
      << answer.is_noexec << ' ' << answer.is_writable;
  for (const Quota& quota : answer.quotas) {
    out << ' ' << quota.kind << ' ' << quota.used_bytes << ' ' << quota.limit_bytes << ' '
        << quota.used_files << ' ' << quota.limit_files;
  }
  return out.str();
}

FolderAnswer parse_folder(const std::string& text) {
  FolderAnswer out;
  std::istringstream in(text);
  in >> out.error >> out.type >> out.total_bytes >> out.free_bytes >> out.total_files >>
      out.free_files >> out.is_read_only >> out.is_noexec >> out.is_writable;
  out.has_answered = !in.fail();
  for (Quota quota; in >> quota.kind >> quota.used_bytes >> quota.limit_bytes >> quota.used_files >>
                    quota.limit_files;) {
    out.quotas.push_back(quota);
  }
  return out;
}

}  // namespace eb
