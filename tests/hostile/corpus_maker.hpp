#pragma once

#include <string>
#include <vector>

#include "tests/unit/format/raw_index.hpp"
#include "tests/unit/install/hand_made_bundle.hpp"

namespace eb::test {

inline std::string text_of(Bytes bytes) { return std::string(as_text(bytes)); }

/// As the format writes numbers: little-endian.
template <typename Number>
std::string number(Number value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// The folder of malformed bundles while it is written: a sound bundle, ways to put one together
/// that is wrong in one place and signed all the same, and the page's table.
class CorpusMaker {
 public:
  /// Makes `folder`.
  explicit CorpusMaker(fs::path folder);

  /// Writes NAME.zst; `code` is the exit code that it has to get, `what` a line for people.
  void add(const std::string& name, int code, const std::string& what, const std::string& bytes);
  void write_page() const;
  size_t size() const { return rows_.size(); }

  /// The sound bundle, to be changed.
  HandMadeBundle made() const;
  /// It with bytes of the prologue exchanged, whose own digest is made right again.
  std::string with_prologue(size_t at, const std::string& bytes) const;
  /// It with other signatures, another index, another frame.
  std::string signed_by(const std::vector<Blob>& blobs) const;
  std::string of_index(const std::string& index) const;
  std::string of_frame(size_t i, Blob frame);
  /// A bundle of an index of these sections and of 20 zeros.
  std::string of_sections(const std::vector<RawSection>& sections) const;
  /// A bundle of these parts, with right sizes and digests.
  static std::string put_together(const std::string& index, const std::string& signatures,
                                  const std::string& data);

  // The sound bundle's bytes, its parts, and where they begin.
  Workshop shop;
  std::string whole, index, data;
  size_t index_at = 0, signatures_at = 0, data_at = 0;

 private:
  std::string of_signed_index(const std::string& text, const std::string& frames) const;

  fs::path folder_;
  std::vector<std::string> rows_;
};

// One a kind of damage, each in a file of its name.
void add_damaged_containers(CorpusMaker& corpus);
void add_damaged_signatures(CorpusMaker& corpus);
void add_damaged_sections(CorpusMaker& corpus);
void add_damaged_meta(CorpusMaker& corpus);
void add_damaged_entries(CorpusMaker& corpus);
void add_damaged_frames(CorpusMaker& corpus);
void add_damaged_contents(CorpusMaker& corpus);

}  // namespace eb::test
