#include "bundler/artifact/deb.hpp"

#include <array>
#include <charconv>
#include <vector>

#include "bundler/artifact/artifact_error.hpp"

namespace eb {
namespace {

constexpr std::string_view kMagic = "!<arch>\n";
constexpr size_t kHeaderBytes = 60;
constexpr uint64_t kMaxControlBytes = 64 << 20;

std::string_view trim_right(std::string_view text) {
  const size_t last = text.find_last_not_of(' ');
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

struct Ending {
  std::string_view text;
  Decompressor::Codec codec;
};
constexpr std::array kEndings{
    Ending{"", Decompressor::Codec::kNone},      Ending{".gz", Decompressor::Codec::kGzip},
    Ending{".xz", Decompressor::Codec::kXz},     Ending{".zst", Decompressor::Codec::kZstd},
    Ending{".bz2", Decompressor::Codec::kBzip2}, Ending{".lzma", Decompressor::Codec::kLzma}};

const Ending* ending_of(std::string_view member, std::string_view stem) {
  if (!member.starts_with(stem)) return nullptr;
  for (const Ending& ending : kEndings) {
    if (member.substr(stem.size()) == ending.text) return &ending;
  }
  return nullptr;
}

bool same_without_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

}  // namespace

DebReader::DebReader(const std::filesystem::path& path, std::string name)
    : file_(path, std::move(name)) {
  if (file_.size() < kMagic.size() || as_text(file_.read_exactly(0, kMagic.size())) != kMagic) {
    throw bad_artifact("not a Debian package", file_.name(), "",
                       "it does not begin as an ar archive");
  }
  uint64_t at = kMagic.size();
  Member member;
  // What must come next, in this order.
  static constexpr std::array<std::string_view, 3> kOrder{"debian-binary", "control.tar",
                                                          "data.tar"};
  size_t step = 0;
  Member data;
  Decompressor::Codec data_codec = Decompressor::Codec::kNone;
  while (read_member(at, member)) {
    if (step == kOrder.size()) {
      // Tools differ in which of two they take.
      if (member.name.starts_with("data.tar") || member.name.starts_with("control.tar")) {
        throw bad_artifact("a Debian package with a part twice", file_.name(), member.name,
                           "control.tar and data.tar stand once");
      }
      continue;
    }
    if (step > 0 && member.name.starts_with('_')) continue;
    const Ending* ending = step == 0 ? (member.name == kOrder[0] ? kEndings.data() : nullptr)
                                     : ending_of(member.name, kOrder[step]);
    if (ending == nullptr) {
      throw bad_artifact("not a valid Debian package", file_.name(), member.name,
                         "the next part should be " + std::string(kOrder[step]));
    }
    if (step == 0) {
      if (member.size_bytes > 64 ||
          !as_text(file_.read_exactly(member.offset, member.size_bytes)).starts_with("2.")) {
        throw bad_artifact("a Debian package of an unknown version", file_.name(), member.name,
                           "2.0 is known");
      }
    } else if (step == 1) {
      read_control(member);
    } else {
      data = member;
      data_codec = ending->codec;
    }
    ++step;
  }
  if (step < kOrder.size()) {
    throw bad_artifact("not a valid Debian package", file_.name(), "",
                       std::string(kOrder[step]) + " is missing");
  }
  data_ = std::make_unique<TarReader>(file_, data.offset, data.size_bytes, data_codec);
}

// Name/16 time/12 uid/6 gid/6 mode/8 size/10 "`\n"; members begin at even offsets (deb(5), ar(5)).
bool DebReader::read_member(uint64_t& at, Member& member) const {
  if (at >= file_.size()) return false;
  const std::vector<std::byte> header = file_.read_exactly(at, kHeaderBytes);
  const std::string_view text = as_text(header);
  std::string_view name = trim_right(text.substr(0, 16));
  if (name.ends_with('/')) name.remove_suffix(1);
  const std::string_view digits = trim_right(text.substr(48, 10));
  uint64_t size_bytes = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), size_bytes);
  const bool plain =
      !name.empty() && name.find_first_not_of(
                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-") ==
                           std::string_view::npos;
  if (!text.ends_with("`\n") || digits.empty() || error != std::errc() ||
      end != digits.data() + digits.size() || !plain) {
    throw bad_artifact("a damaged Debian package", file_.name(), "",
                       "no valid ar header at byte " + std::to_string(at));
  }
  member = {std::string(name), at + kHeaderBytes, size_bytes};
  if (size_bytes > file_.size() - member.offset) {
    throw bad_artifact("a Debian package is cut short", file_.name(), name,
                       "the part has " + std::to_string(size_bytes) + " bytes, " +
                           std::to_string(file_.size() - member.offset) + " are left");
  }
  at = member.offset + size_bytes + size_bytes % 2;
  return true;
}

void DebReader::read_control(const Member& member) {
  const Ending* ending = ending_of(member.name, "control.tar");
  TarReader tar(file_, member.offset, member.size_bytes, ending->codec, kMaxControlBytes);
  TarEntry entry;
  while (tar.next(entry)) {
    if (entry.type != TarEntry::Type::kFile) continue;
    std::string content(static_cast<size_t>(std::min(entry.size_bytes, kMaxControlBytes)), '\0');
    size_t done = 0;
    while (const size_t got = tar.read(content.data() + done, content.size() - done)) done += got;
    if (!control_files_.emplace(entry.path, std::move(content)).second) {
      throw bad_artifact("a Debian package with a control file twice", file_.name(), entry.path,
                         "each stands once");
    }
  }
  if (!control_files_.contains("control")) {
    throw bad_artifact("not a valid Debian package", file_.name(), member.name,
                       "it has no control file");
  }
}

std::string DebReader::field(std::string_view name) const {
  const std::string& text = control_files_.at("control");
  std::string value;
  bool inside = false;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line(text.data() + begin, end - begin);
    begin = end + 1;
    if (line.starts_with(' ') || line.starts_with('\t')) {
      if (inside) value.append("\n").append(line.substr(1));
      continue;
    }
    if (inside) break;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !same_without_case(line.substr(0, colon), name))
      continue;
    inside = true;
    std::string_view rest = line.substr(colon + 1);
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    value = trim_right(rest);
  }
  return value;
}

}  // namespace eb
