#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "installer/format/index.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace {

using eb::Entry;
using eb::EntryType;

/// The tree as a kernel sees it, walked step by step and without any of the code under test.
class NaiveTree {
 public:
  explicit NaiveTree(const std::vector<Entry>& entries) {
    for (const Entry& entry : entries) entries_[entry.path.str()] = &entry;
  }

  /// False when a walk from `directory` along `text` leaves the root or does not end.
  bool stays_inside(const std::string& directory, const std::string& text) {
    steps_ = 0;
    return walk(directory, text).has_value();
  }

 private:
  std::optional<std::string> walk(std::string at, const std::string& text) {
    for (size_t begin = 0; begin < text.size();) {
      if (++steps_ > 100'000) return std::nullopt;
      const size_t end = std::min(text.find('/', begin), text.size());
      const std::string component = text.substr(begin, end - begin);
      begin = end + 1;
      if (component.empty() || component == ".") continue;
      if (component == "..") {
        if (at.empty()) return std::nullopt;
        at = parent(at);
        continue;
      }
      const std::string next = at.empty() ? component : at + "/" + component;
      const auto found = entries_.find(next);
      if (found != entries_.end() && found->second->type == EntryType::kSymlink) {
        const auto inner = walk(at, found->second->target);
        if (!inner) return std::nullopt;
        at = *inner;
      } else {
        at = next;
      }
    }
    return at;
  }

  static std::string parent(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
  }

  std::map<std::string, const Entry*> entries_;
  size_t steps_ = 0;
};

}  // namespace

// Lines: `dPATH`, `fPATH`, or `lPATH>TARGET`.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace eb;
  std::string_view text = as_text(fuzz::bytes_of(data, size));
  Index index;
  index.meta = {{"name", "n"}, {"platform", "p"}, {"epoch", "0"}};
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const char kind = line.empty() ? 'f' : line.front();
    line.remove_prefix(std::min<size_t>(1, line.size()));
    const size_t arrow = std::min(line.find('>'), line.size());
    const auto path = RelPath::parse(line.substr(0, arrow));
    fuzz::require(path.has_value() != RelPath::problem(line.substr(0, arrow)).has_value(),
                  "a path is valid or has a problem");
    if (!path) continue;
    Entry entry{.path = *path, .digest = {}, .target = {}};
    if (kind == 'd') entry.type = EntryType::kDirectory;
    if (kind == 'l') {
      entry.type = EntryType::kSymlink;
      entry.target = line.substr(std::min(arrow + 1, line.size()));
    }
    index.entries.push_back(std::move(entry));
  }
  std::ranges::stable_sort(index.entries, {}, &Entry::path);
  if (!fuzz::accepts([&] { check_index(index); }, ExitCode::kMalformed)) return 0;

  std::map<std::string, EntryType> seen;
  NaiveTree tree(index.entries);
  for (const Entry& entry : index.entries) {
    const std::string parent(entry.path.parent());
    fuzz::require(parent.empty() || seen.at(parent) == EntryType::kDirectory,
                  "every parent is a directory that stands before");
    fuzz::require(seen.emplace(entry.path.str(), entry.type).second, "no path stands twice");
    if (entry.type == EntryType::kSymlink) {
      fuzz::require(tree.stays_inside(parent, entry.target), "a symlink stays inside");
    }
  }
  return 0;
}
