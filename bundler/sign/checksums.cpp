#include "bundler/sign/checksums.hpp"

#include "bundler/pack/output_file.hpp"
#include "installer/base/error.hpp"
#include "installer/base/file.hpp"

namespace eb {
namespace {

constexpr size_t kReadSize = 1u << 20;
constexpr size_t kMaxChecksumsSize = 1u << 20;
constexpr char kName[] = "SHA256SUMS";

// What sha256sum does with a name that would break the line: escapes, and a backslash in front.
std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else {
      out += c;
    }
  }
  return out;
}

std::string unescaped(std::string_view name) {
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '\\' || i + 1 == name.size()) {
      out += name[i];
      continue;
    }
    const char next = name[++i];
    out += next == 'n' ? '\n' : next == 'r' ? '\r' : next;
  }
  return out;
}

}  // namespace

Sha256 sha256_of_file(const std::filesystem::path& file) {
  const std::string where = file.string();
  const Fd fd = open_at(real_sys(), AT_FDCWD, file.c_str(), O_RDONLY, 0, where);
  std::vector<std::byte> buffer(kReadSize);
  Sha256Hasher hasher;
  while (const size_t got = read_up_to(real_sys(), fd.get(), buffer.data(), buffer.size(), where)) {
    hasher.update(Bytes(buffer).first(got));
  }
  return hasher.finish();
}

std::string encode_checksums(const std::map<std::string, Sha256>& digests) {
  std::string out;
  for (const auto& [name, digest] : digests) {
    const std::string text = escaped(name);
    out += (text == name ? "" : "\\") + digest.hex() + "  " + text + "\n";
  }
  return out;
}

std::map<std::string, Sha256> parse_checksums(std::string_view text) {
  std::map<std::string, Sha256> out;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const bool is_escaped = line.starts_with('\\');
    if (is_escaped) line.remove_prefix(1);
    if (line.size() < 67 || line[64] != ' ' || (line[65] != ' ' && line[65] != '*')) continue;
    if (line.substr(0, 64).find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
      continue;
    }
    const std::string_view name = line.substr(66);
    out[is_escaped ? unescaped(name) : std::string(name)] = Sha256::from_hex(line.substr(0, 64));
  }
  return out;
}

void update_checksums(const std::filesystem::path& folder,
                      const std::map<std::string, Sha256>& digests) {
  const std::filesystem::path file = folder / kName;
  std::map<std::string, Sha256> all = digests;
  if (std::filesystem::is_regular_file(file)) {
    const std::vector<std::byte> old =
        read_file_at(real_sys(), AT_FDCWD, file.c_str(), kMaxChecksumsSize, file.string());
    for (const auto& [name, digest] : parse_checksums(as_text(old))) {
      if (std::filesystem::exists(folder / name)) all.emplace(name, digest);
    }
  }
  OutputFile out(file);
  out.write(as_bytes(encode_checksums(all)), 0);
  out.commit();
}

}  // namespace eb
