#include "installer/install/quota.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace eb {
namespace {

constexpr uint64_t kQuotaBlockBytes = 1024;  // of dqb_bhardlimit (quotactl(2))

// The soft limit counts: beyond it the grace time runs, and a release is to stay.
std::optional<uint64_t> left(uint64_t soft, uint64_t hard, uint64_t used) {
  const uint64_t limit = soft != 0 ? soft : hard;
  if (limit == 0) return std::nullopt;
  return limit > used ? limit - used : 0;
}

std::optional<QuotaLeft> ask(Sys& sys, int dir, QuotaKind kind, uint32_t id) {
  struct dqblk quota {};
  if (sys.get_quota(dir, kind, id, &quota) < 0) return std::nullopt;
  QuotaLeft out;
  out.whose = (kind == QuotaKind::kUser ? "user " : "group ") + std::to_string(id);
  out.inodes = left(quota.dqb_isoftlimit, quota.dqb_ihardlimit, quota.dqb_curinodes);
  out.bytes = left(quota.dqb_bsoftlimit * kQuotaBlockBytes, quota.dqb_bhardlimit * kQuotaBlockBytes,
                   quota.dqb_curspace);
  if (!out.inodes && !out.bytes) return std::nullopt;
  return out;
}

}  // namespace

std::optional<QuotaLeft> read_quota(Sys& sys, int dir, const Host& host) {
  struct stat info {};
  const bool inherits = sys.fstat(dir, &info) == 0 && (info.st_mode & S_ISGID) != 0;
  const uint32_t group = inherits ? info.st_gid : ::getegid();
  std::optional<QuotaLeft> user = ask(sys, dir, QuotaKind::kUser, host.uid);
  std::optional<QuotaLeft> other = ask(sys, dir, QuotaKind::kGroup, group);
  if (!user || !other) return user ? user : other;
  const auto files = [](const QuotaLeft& quota) { return quota.inodes.value_or(UINT64_MAX); };
  return files(*other) < files(*user) ? other : user;
}

}  // namespace eb
