#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace eb::test {

inline void write_file(const std::filesystem::path& path, const std::string& data) {
  std::ofstream out(path, std::ios::binary);
  out << data;
  if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
}

/// Fields of one tar header as text, so that a test can put anything there.
struct TarHeader {
  std::string name{};
  char type = '0';
  std::string size{};  ///< empty: of the content
  std::string link{};
  std::string mode = "0000644";
  std::string prefix{};
  std::string magic{"ustar\00000", 8};
  bool good_checksum = true;
};

inline std::string octal(uint64_t value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*llo", digits, static_cast<unsigned long long>(value));
  return text;
}

inline std::string tar_entry(const TarHeader& header, const std::string& content = "") {
  std::string block(512, '\0');
  const auto put = [&block](size_t at, const std::string& text) {
    block.replace(at, text.size(), text);
  };
  put(0, header.name);
  put(100, header.mode);
  put(108, "0000000");
  put(116, "0000000");
  put(124, header.size.empty() ? octal(content.size(), 11) : header.size);
  put(136, "00000000000");
  put(148, "        ");
  block[156] = header.type;
  put(157, header.link);
  put(257, header.magic);
  put(345, header.prefix);
  unsigned sum = header.good_checksum ? 0 : 1;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put(148, octal(sum, 6) + std::string("\0 ", 2));
  std::string out = block + content;
  out.resize((out.size() + 511) / 512 * 512);
  return out;
}

inline std::string pax_record(const std::string& key, const std::string& value) {
  const size_t base = key.size() + value.size() + 3;
  size_t length = base + 1;
  while (std::to_string(length).size() + base != length) ++length;
  return std::to_string(length) + " " + key + "=" + value + "\n";
}

inline std::string pax_header(const std::string& records, char type = 'x') {
  return tar_entry({.name = "pax", .type = type}, records);
}

inline std::string tar_end() { return std::string(1024, '\0'); }

/// What one of libarchive's write filters makes of `data`.
inline std::string compress(const std::string& data, int (*filter)(archive*)) {
  archive* writer = archive_write_new();
  std::string out(data.size() + 65536, '\0');
  size_t used = 0;
  archive_write_set_format_raw(writer);
  filter(writer);
  archive_write_set_bytes_in_last_block(writer, 1);
  archive_write_open_memory(writer, out.data(), out.size(), &used);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_write_header(writer, entry);
  archive_entry_free(entry);
  const bool ok = archive_write_data(writer, data.data(), data.size()) ==
                      static_cast<la_ssize_t>(data.size()) &&
                  archive_write_close(writer) == ARCHIVE_OK;
  archive_write_free(writer);
  if (!ok) throw std::runtime_error("cannot compress");
  out.resize(used);
  return out;
}

}  // namespace eb::test
