#include "installer/install/publish.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "installer/base/error.hpp"
#include "installer/install/receipt.hpp"

namespace eb {
namespace {

constexpr int kFlipTries = 3;  // where another run takes the new link for an abandoned one

bool is_link_to(Sys& sys, int dir, const char* name, const std::string& target) {
  try {
    return read_link_at(sys, dir, name, name) == target;
  } catch (const Error&) {
    return false;
  }
}

bool has_top_directory(const Index& index, std::string_view name) {
  return std::ranges::any_of(index.entries, [name](const Entry& entry) {
    return entry.type == EntryType::kDirectory && entry.path.str() == name;
  });
}

std::string top_target(const char* name) { return std::string(kCurrentLink) + "/" + name; }

// rename() that answers EINTR may have been done; the second then answers ENOENT, and the caller
// looks at what is there.
int rename_again(Sys& sys, int from_dir, const char* from, int to_dir, const char* to) {
  int r = 0;
  do {
    r = sys.renameat(from_dir, from, to_dir, to);
  } while (r == -EINTR);
  return r;
}

}  // namespace

PublishResult publish(Sys& sys, const Prefix& prefix, Stage& stage, const std::string& release,
                      const std::string& nonce, bool* is_published) {
  *is_published = false;
  const std::string where = prefix.at(kReleasesDir) + "/" + release;
  // 0755 only now: until here nobody else was to look inside. A directory must be writable to be
  // renamed, so it stays so.
  struct stat info {};
  int r = sys.fstat(stage.fd(), &info);
  if (r == 0) r = sys.fchmod(stage.fd(), 0755 | (info.st_mode & S_ISGID));
  if (r < 0) throw system_error(-r, "cannot set the release's mode", stage.where());

  r = rename_again(sys, prefix.state.get(), stage.name().c_str(), prefix.releases.get(),
                   release.c_str());
  if (r == -ENOTEMPTY || r == -EEXIST) {
    const auto receipt = read_receipt(sys, prefix.releases.get(), release);
    if (!receipt || receipt->nonce != nonce) return PublishResult::kExistsAlready;
    r = 0;  // ours: a client sent the request twice
  }
  if (r == -ENOENT || r == -ESTALE || r == -EIO || r == -ETIMEDOUT) {
    // Done, and the reply lost?
    const auto receipt = read_receipt(sys, prefix.releases.get(), release);
    if (receipt && receipt->nonce == nonce) r = 0;
  }
  if (r == -EXDEV) {
    throw Error(ExitCode::kUnsupportedFs, "the prefix lies on two file systems")
        .where(where)
        .why(".envinstall and releases must be on one file system for a release to appear at once")
        .hint("make releases/ an ordinary folder of the prefix");
  }
  if (r < 0) throw system_error(-r, "cannot publish the release", where);
  stage.published();
  *is_published = true;
  sync_directory(sys, prefix.releases.get(), prefix.at(kReleasesDir));
  sync_directory(sys, prefix.state.get(), prefix.at(kStateDir));
  return PublishResult::kPublished;
}

void flip_current(Sys& sys, const Prefix& prefix, const std::string& release,
                  const std::string& nonce, bool* is_current) {
  *is_current = false;
  const int root = prefix.root.get();
  const std::string where = prefix.at(kCurrentLink);
  const std::string target = std::string(kReleasesDir) + "/" + release;
  // Made beside the other unfinished things, where a later run finds it; a link's text counts from
  // where the link is in the end.
  const int state = prefix.state.get();
  const std::string temporary = "link-" + nonce;
  int r = 0;
  for (int i = 0; i < kFlipTries; ++i) {
    r = sys.symlinkat(target.c_str(), state, temporary.c_str());
    if (r == -EEXIST && is_link_to(sys, state, temporary.c_str(), target)) r = 0;
    if (r < 0) throw system_error(-r, "cannot make the link", where);
    r = rename_again(sys, state, temporary.c_str(), root, kCurrentLink);
    if (r < 0 && is_link_to(sys, root, kCurrentLink, target)) r = 0;  // the reply was lost
    if (r != -ENOENT) break;
  }
  if (r < 0) {
    sys.unlinkat(state, temporary.c_str(), 0);
    throw system_error(-r, "cannot make the release the active one", where);
  }
  *is_current = true;
  sync_directory(sys, root, prefix.path);
}

void make_top_links(Sys& sys, const Prefix& prefix, const Index& index, EventSink& events) {
  const int root = prefix.root.get();
  for (const char* name : kTopLinks) {
    if (!has_top_directory(index, name)) continue;
    const std::string target = top_target(name);
    const int r = sys.symlinkat(target.c_str(), root, name);
    if (r == 0 || (r == -EEXIST && is_link_to(sys, root, name, target))) continue;
    if (r != -EEXIST) throw system_error(-r, "cannot make the link", prefix.at(name));
    events.on(Warning{prefix.at(name) + " is not envinstall's and stays as it is; use " +
                      prefix.at(target) + " instead"});
  }
}

void drop_top_links(Sys& sys, int prefix, const Index* index) noexcept {
  try {
    for (const char* name : kTopLinks) {
      if (index != nullptr && has_top_directory(*index, name)) continue;
      if (is_link_to(sys, prefix, name, top_target(name))) sys.unlinkat(prefix, name, 0);
    }
  } catch (const std::exception&) {
    // A link that leads nowhere does no harm.
  }
}

}  // namespace eb
