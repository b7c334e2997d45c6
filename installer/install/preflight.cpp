#include "installer/install/preflight.hpp"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "installer/base/error.hpp"
#include "installer/base/utc_text.hpp"
#include "installer/base/version.hpp"
#include "installer/install/size_text.hpp"
#include "installer/install/small_file.hpp"
#include "installer/install/stage.hpp"

namespace eb {
namespace {

constexpr uint64_t kMarginBytes = 16u << 20;  // for the file system's own books
constexpr uint64_t kMarginInodes = 64;

std::string meta_value(const VerifiedBundle& bundle, const char* key) {
  const auto at = bundle.index().meta.find(key);
  return at == bundle.index().meta.end() ? std::string() : at->second;
}

Error policy(std::string what) { return {ExitCode::kPolicy, std::move(what)}; }

void check_platform(const VerifiedBundle& bundle, const Host& host) {
  const std::string wanted = meta_value(bundle, meta_key::kPlatform);
  const std::string here = "linux-" + host.machine;
  if (wanted == here) return;
  throw policy("the bundle is for another architecture")
      .where(bundle.release_name())
      .why("it is for " + wanted + ", this machine is " + here)
      .hint("build the bundle for " + here + ": platform = \"" + here + "\" in its manifest");
}

void check_kernel(const VerifiedBundle& bundle, const Host& host) {
  const auto wanted = DottedVersion::parse(meta_value(bundle, meta_key::kMinKernel));
  const auto here = DottedVersion::parse_prefix(host.kernel);
  if (!wanted || !here || *here >= *wanted) return;
  throw policy("the bundle needs a newer kernel")
      .where(bundle.release_name())
      .why("it needs Linux " + wanted->str() + ", this machine runs " + host.kernel)
      .hint("install it on a machine with Linux " + wanted->str() + " or newer");
}

void check_expiry(const VerifiedBundle& bundle, const Host& host, const Floor& floor,
                  bool allow_expired, EventSink& events) {
  const auto not_after = parse_number(meta_value(bundle, meta_key::kNotAfter));
  if (!not_after) return;
  const auto epoch = parse_number(meta_value(bundle, meta_key::kEpoch)).value_or(0);
  const int64_t now = std::max({host.now, static_cast<int64_t>(epoch), floor.newest});
  if (now <= static_cast<int64_t>(*not_after)) return;
  const std::string why = "it was to be installed until " +
                          utc_text(static_cast<int64_t>(*not_after)) + ", it is now " +
                          utc_text(now);
  if (allow_expired) {
    events.on(Warning{"an expired bundle is allowed: " + why});
    return;
  }
  Error error = policy("the bundle has expired").where(bundle.release_name()).why(why);
  error.hint("ask its publisher for a newer bundle");
  if (floor.newest > host.now) {
    error.hint(
        "the prefix remembers a later time than this machine's clock shows; see 'envinstall "
        "history'");
  }
  error.hint("if you want this one all the same, give --allow-expired");
  throw error;
}

void check_counter(const VerifiedBundle& bundle, const Floor& floor, bool allow_downgrade,
                   EventSink& events) {
  const std::string name = meta_value(bundle, meta_key::kName);
  const uint64_t counter = parse_number(meta_value(bundle, meta_key::kCounter)).value_or(0);
  const auto known = floor.counters.find(name);
  if (known == floor.counters.end() || counter >= known->second) return;
  const std::string why = "its release counter is " + std::to_string(counter) +
                          ", this prefix has had " + std::to_string(known->second) + " of " + name;
  if (allow_downgrade) {
    events.on(Warning{"downgrade allowed: " + why});
    return;
  }
  throw policy("the bundle is older than what was installed here")
      .where(bundle.release_name())
      .why(why)
      .hint("install the newer bundle, or give --allow-downgrade if the older one is wanted");
}

}  // namespace

void check_policy(const VerifiedBundle& bundle, const Host& host, const Floor& floor,
                  const PolicyExceptions& exceptions, EventSink& events) {
  check_platform(bundle, host);
  check_kernel(bundle, host);
  const auto epoch = parse_number(meta_value(bundle, meta_key::kEpoch)).value_or(0);
  if (host.now < static_cast<int64_t>(epoch)) {
    events.on(Warning{"the clock of this machine says " + utc_text(host.now) +
                      ", before the bundle was made; it is taken for wrong"});
  }
  if (floor.damaged) {
    events.on(Warning{"the prefix's record of installed releases is damaged and was ignored"});
  }
  check_expiry(bundle, host, floor, exceptions.expired, events);
  check_counter(bundle, floor, exceptions.downgrade, events);
}

SpaceNeed space_need(const VerifiedBundle& bundle, uint64_t block_size) {
  const uint64_t block = std::clamp<uint64_t>(block_size, 512, 1u << 20);
  const auto rounded = [block](uint64_t size) { return (size + block - 1) / block * block; };
  SpaceNeed out;
  for (const Entry& entry : bundle.index().entries) {
    // A directory takes at least a block; short link targets lie in the inode.
    out.bytes += entry.type == EntryType::kFile        ? rounded(entry.size_bytes)
                 : entry.type == EntryType::kDirectory ? block
                                                       : 0;
    ++out.inodes;
  }
  out.bytes += rounded(bundle.index_bytes().size()) + rounded(bundle.signature_bytes().size());
  out.bytes += out.bytes / 100 + std::min(kMarginBytes, out.bytes);
  out.inodes += kMarginInodes;
  return out;
}

void SpaceNeed::spare(uint64_t files, uint64_t file_bytes) {
  bytes -= std::min(bytes, file_bytes);
  // A reflink takes an inode, a hard link none; which of them it will be is not known yet.
  inodes = std::max(inodes - std::min(inodes, files), kMarginInodes);
}

SpaceNeed image_space_need(const VerifiedBundle& bundle, uint64_t block_size, uint64_t outside) {
  const uint64_t block = std::clamp<uint64_t>(block_size, 512, 1u << 20);
  const IndexTotals sums = totals(bundle.index());
  SpaceNeed out;
  // Blocks of 128 KiB at a lower level compress less than the bundle's frames (measured: 1.3 times
  // its size), and never to more than there is.
  out.bytes = std::min(sums.file_bytes + sums.files, sums.compressed_bytes * 3 / 2);
  out.bytes += outside * block + bundle.index_bytes().size() + bundle.signature_bytes().size();
  out.bytes += out.bytes / 100 + kMarginBytes;
  out.inodes = outside + kMarginInodes;
  return out;
}

SpaceReport read_space(Sys& sys, int dir, const VerifiedBundle& bundle,
                       std::optional<uint64_t> image, const std::string& where) {
  struct statfs info {};
  int r = 0;
  do {
    r = sys.fstatfs(dir, &info);
  } while (r == -EINTR);
  if (r < 0) {
    throw system_error(-r, "cannot ask the file system for its free space", where)
        .hint("choose a prefix on another file system");
  }
  const auto block = static_cast<uint64_t>(info.f_frsize != 0 ? info.f_frsize : info.f_bsize);
  SpaceReport out;
  out.need = image ? image_space_need(bundle, block, *image) : space_need(bundle, block);
  out.tree_inodes = bundle.index().entries.size();
  out.free_bytes = info.f_bavail * block;
  out.free_inodes = info.f_ffree;
  // btrfs and some servers have no fixed number and say 0.
  out.counts_inodes = info.f_files != 0;
  out.fs_type = static_cast<uint64_t>(info.f_type);
  out.is_noexec = (info.f_flags & ST_NOEXEC) != 0;
  out.is_read_only = (info.f_flags & ST_RDONLY) != 0;
  return out;
}

void check_space(const SpaceReport& space, const VerifiedBundle& bundle, uint64_t max_bytes,
                 const std::string& where) {
  const IndexTotals sums = totals(bundle.index());
  const std::string files = count_text(sums.files, "file", "files");
  if (max_bytes != 0 && sums.file_bytes > max_bytes) {
    throw Error(ExitCode::kNoSpace, "the release is larger than --max-bytes allows")
        .where(bundle.release_name())
        .why("needed are " + std::to_string(sums.file_bytes) + " bytes, allowed " +
             std::to_string(max_bytes))
        .hint("raise --max-bytes, or leave it out");
  }
  if (space.free_bytes < space.need.bytes) {
    throw Error(ExitCode::kNoSpace, "there is not enough space for the release")
        .where(where)
        .why("needed are " + size_text(space.need.bytes) + " for " + files + ", available " +
             size_text(space.free_bytes))
        .hint("free " + size_text(space.need.bytes - space.free_bytes) +
              ", or choose a prefix on another file system");
  }
  const bool is_image = space.need.inodes < space.tree_inodes;
  const auto refuse_inodes = [&](const std::string& whose, uint64_t available) {
    Error error = Error(ExitCode::kNoSpace, "there is not room for so many files")
                      .where(where)
                      .why("needed are " + std::to_string(space.need.inodes) +
                           " inodes, available " + std::to_string(available) + whose);
    error.hint("remove files, or choose a prefix on another file system");
    if (!is_image) error.hint("or install it as one file: --as-image");
    throw error;
  };
  if (space.counts_inodes && space.free_inodes < space.need.inodes) {
    refuse_inodes("", space.free_inodes);
  }
  if (!space.quota) return;
  if (space.quota->inodes && *space.quota->inodes < space.need.inodes) {
    refuse_inodes(" by the quota of " + space.quota->whose, *space.quota->inodes);
  }
  if (space.quota->bytes && *space.quota->bytes < space.need.bytes) {
    throw Error(ExitCode::kNoSpace, "the quota is not enough for the release")
        .where(where)
        .why("needed are " + size_text(space.need.bytes) + " for " + files + ", the quota of " +
             space.quota->whose + " leaves " + size_text(*space.quota->bytes))
        .hint("remove files, ask for more, or choose a prefix on another file system");
  }
}

void check_writable(Sys& sys, const PrefixView& view, const SpaceReport& space, const Host& host) {
  std::string where = view.path;
  for (size_t i = 0; i < view.missing.size(); ++i) {
    where.resize(std::max<size_t>(where.rfind('/'), 1));
  }
  const auto with_mount = [&](const std::string& why) {
    const std::string mount = mount_text(sys, host.root, where);
    return mount.empty() ? why : why + ": " + mount;
  };
  if (space.is_read_only) {
    throw Error(ExitCode::kUnsupportedFs, "the file system is read-only")
        .where(where)
        .why(with_mount("it is mounted ro"))
        .hint("choose a prefix on a file system that can be written");
  }
  if (space.is_noexec) {
    throw Error(ExitCode::kUnsupportedFs, "programs cannot be started from there")
        .where(where)
        .why(with_mount("the file system is mounted noexec"))
        .hint("choose a prefix on a file system without noexec");
  }
  int r = 0;
  do {
    r = sys.faccessat(view.dir.get(), ".", W_OK | X_OK);
  } while (r == -EINTR);
  if (r == 0) return;
  Error error = system_error(
      -r, view.exists ? "the prefix cannot be written" : "the prefix cannot be made", where);
  error.hint("choose a folder that you may write to, or ask its owner; envinstall needs no root");
  throw error;
}

}  // namespace eb
