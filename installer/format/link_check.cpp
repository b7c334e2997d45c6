#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "installer/base/error.hpp"
#include "installer/format/index_check.hpp"

namespace eb {
namespace {

[[noreturn]] void refuse(std::string where, std::string why) {
  throw Error(ExitCode::kMalformed, "the index breaks a rule of the format")
      .where(std::move(where))
      .why(std::move(why));
}

/// Follows symlinks through the set as the kernel would through the installed tree. The lexical
/// rule is not enough: where `a/b/s -> ../..`, the target `s/../x` stays below the root as text and
/// leaves it on the disk. Each symlink is resolved once, so the work is bounded by the size of all
/// targets, and a chain by kMaxLinkHops.
class LinkResolver {
 public:
  LinkResolver(const std::vector<Entry>& entries, const EntryLocator& locate)
      : entries_(entries), locate_(locate) {}

  void check(size_t i) {
    const Entry& link = entries_[i];
    if (link.target.empty()) refuse(locate_(i), "the target is empty");
    if (link.target.size() > kMaxLinkTargetSize) {
      refuse(locate_(i),
             "the target is longer than " + std::to_string(kMaxLinkTargetSize) + " bytes");
    }
    if (printable(link.target) != link.target) {
      refuse(locate_(i), "the target is not printable UTF-8");
    }
    if (link.target.front() == '/') {
      refuse(locate_(i), "the target '" + link.target + "' is absolute");
    }
    if (!resolve_link(link.path, link.target)) {
      refuse(locate_(i), "the target '" + link.target + "' leads out of the tree");
    }
    resolve(i, 1);
  }

 private:
  struct Resolved {
    std::string path;
    unsigned hops = 0;  ///< symlinks followed, this one included; 0 = not resolved yet
    bool busy = false;
  };

  const Resolved& resolve(size_t i, unsigned depth) {
    Resolved& out = resolved_[i];
    if (out.hops > 0) return out;
    const Entry& link = entries_[i];
    if (out.busy) refuse(locate_(i), "the symlink leads to itself");
    if (depth > kMaxLinkHops) refuse_chain(i);
    out.busy = true;
    unsigned hops = 1;
    std::string path(link.path.parent());
    const std::string_view target = link.target;
    for (size_t begin = 0; begin < target.size();) {
      const size_t end = std::min(target.find('/', begin), target.size());
      const std::string_view component = target.substr(begin, end - begin);
      begin = end + 1;
      if (component.empty() || component == ".") continue;
      if (component == "..") {
        if (path.empty()) {
          refuse(locate_(i), "the target '" + link.target + "' leads out of the tree");
        }
        path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
        continue;
      }
      if (!path.empty()) path += '/';
      path += component;
      if (const auto next = find_symlink(path)) {
        const Resolved& inner = resolve(*next, depth + 1);
        hops += inner.hops;
        if (hops > kMaxLinkHops) refuse_chain(i);
        path = inner.path;
      }
    }
    if (path.empty()) refuse(locate_(i), "the target '" + link.target + "' is the tree itself");
    out = {std::move(path), hops, false};
    return out;
  }

  [[noreturn]] void refuse_chain(size_t i) const {
    refuse(locate_(i),
           "more than " + std::to_string(kMaxLinkHops) + " symlinks must be followed to its end");
  }

  std::optional<size_t> find_symlink(std::string_view path) const {
    const auto it = std::ranges::lower_bound(
        entries_, path, {},
        [](const Entry& entry) -> std::string_view { return entry.path.str(); });
    if (it == entries_.end() || it->path.str() != path || it->type != EntryType::kSymlink) {
      return std::nullopt;
    }
    return static_cast<size_t>(it - entries_.begin());
  }

  const std::vector<Entry>& entries_;
  const EntryLocator& locate_;
  std::unordered_map<size_t, Resolved> resolved_;  // symlinks only; references stay valid
};

}  // namespace

void check_links(const std::vector<Entry>& entries, const EntryLocator& locate) {
  LinkResolver resolver(entries, locate);
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].type == EntryType::kSymlink) resolver.check(i);
  }
}

}  // namespace eb
