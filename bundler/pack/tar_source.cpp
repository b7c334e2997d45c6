#include "bundler/pack/tar_source.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "installer/base/error.hpp"
#include "installer/format/tar_stream.hpp"

namespace eb {
namespace {

uint64_t epoch_of(const std::map<std::string, std::string>& meta) {
  const auto found = meta.find(meta_key::kEpoch);
  if (found == meta.end()) return 0;
  const std::string& text = found->second;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw Error(ExitCode::kInvalidLock, "the epoch is not a number of seconds")
        .where("'" + text + "'");
  }
  return value;
}

}  // namespace

TarSource::TarSource(const Tree& tree, const PackPlan& plan)
    : tree_(tree), plan_(plan), epoch_(epoch_of(plan.index.meta)) {
  root_ = open_at(real_sys(), AT_FDCWD, tree.root.c_str(), O_RDONLY | O_DIRECTORY, 0,
                  tree.root.string());
  starts_.reserve(plan.stream.size() + 1);
  for (const uint32_t i : plan.stream) {
    const Entry& entry = plan.index.entries[i];
    starts_.push_back(size_);
    size_ += tar_header_size(entry);
    if (entry.type == EntryType::kFile) size_ += entry.size_bytes + tar_padding(entry.size_bytes);
  }
  starts_.push_back(size_);
  size_ += kTarEndSize;
}

void TarSource::read(uint64_t offset, std::span<std::byte> out) const {
  auto item = static_cast<size_t>(std::upper_bound(starts_.begin(), starts_.end(), offset) -
                                  starts_.begin() - 1);
  while (!out.empty()) {
    const bool is_end = item == plan_.stream.size();
    const uint64_t item_end = is_end ? size_ : starts_[item + 1];
    if (offset >= item_end) throw Error(ExitCode::kInternal, "read past the end of the tar stream");
    const auto part = static_cast<size_t>(std::min<uint64_t>(out.size(), item_end - offset));
    if (is_end) {
      std::memset(out.data(), 0, part);
    } else {
      read_item(plan_.index.entries[plan_.stream[item]], offset - starts_[item], out.first(part));
    }
    out = out.subspan(part);
    offset += part;
    ++item;
  }
}

void TarSource::read_item(const Entry& entry, uint64_t inside, std::span<std::byte> out) const {
  const uint64_t header_size = tar_header_size(entry);
  if (inside < header_size) {
    const std::vector<std::byte> header = tar_header(entry, epoch_);
    const auto part = static_cast<size_t>(std::min<uint64_t>(out.size(), header_size - inside));
    std::memcpy(out.data(), header.data() + inside, part);
    out = out.subspan(part);
    inside += part;
  }
  if (out.empty()) return;
  uint64_t at = inside - header_size;
  if (at < entry.size_bytes) {
    const std::string where = (tree_.root / entry.path.str()).string();
    const Fd fd =
        open_at(real_sys(), root_.get(), entry.path.str().c_str(), O_RDONLY | O_NOFOLLOW, 0, where);
    const auto part = static_cast<size_t>(std::min<uint64_t>(out.size(), entry.size_bytes - at));
    const size_t got = pread_up_to(real_sys(), fd.get(), out.data(), part, at, where);
    if (got != part) {
      throw Error(ExitCode::kIo, "a file changed while it was packed")
          .where(where)
          .why("it ends at byte " + std::to_string(at + got) + ", not at byte " +
               std::to_string(entry.size_bytes));
    }
    out = out.subspan(part);
  }
  if (!out.empty()) std::memset(out.data(), 0, out.size());
}

}  // namespace eb
