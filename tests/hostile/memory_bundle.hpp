#pragma once

#include <algorithm>
#include <string>

#include "installer/install/bundle_check.hpp"
#include "tests/unit/install/workshop.hpp"

namespace eb::test {

/// A bundle as bytes in memory: a test changes them without a file for each change.
class MemorySource final : public BundleSource {
 public:
  explicit MemorySource(std::string bytes) : BundleSource("memory"), bytes_(std::move(bytes)) {}

  std::optional<uint64_t> size_bytes() const override { return bytes_.size(); }
  bool is_stream() const override { return false; }
  size_t read_at(uint64_t offset, std::span<std::byte> out) override {
    const Bytes all = as_bytes(bytes_);
    if (offset >= all.size()) return 0;
    const size_t size = std::min<size_t>(out.size(), all.size() - offset);
    std::copy_n(all.begin() + static_cast<ptrdiff_t>(offset), size, out.begin());
    return size;
  }

 private:
  std::string bytes_;
};

/// What an install makes of these bytes before it would publish: kOk, or the error's code. Reads,
/// verifies and decodes everything; writes nothing.
inline ExitCode judge(Workshop& shop, const TrustPolicy& policy, std::string bytes) {
  try {
    MemorySource source(std::move(bytes));
    const VerifiedBundle verified =
        verify_bundle_header(read_bundle_header(source), policy, source.name());
    check_bundle(source, verified, 1, shop.silence, shop.stop);
  } catch (const Error& error) {
    return error.code();
  }
  return ExitCode::kOk;
}

/// A bundle and where its parts are.
struct SmallBundle {
  std::string bytes;
  size_t index_at = 0;           ///< begin of the index's payload
  size_t signatures_at = 0;      ///< of the signatures' payload
  size_t data_at = 0;            ///< of the first frame
  std::vector<size_t> frame_at;  ///< of each frame, and the end

  explicit SmallBundle(Workshop& shop) {
    // A folder, programs, links and a file over several frames; few entries, so that the header is
    // small enough for each of its bits.
    const fs::path tree = shop.scratch.path() / "small-tree";
    std::mt19937_64 random(3);
    std::string noise(60'000, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    write_text(tree / "bin/tool", "#!/bin/sh\necho tool\n", true);
    write_text(tree / "lib/libbig.so.1", noise);
    write_text(tree / "share/empty", "");
    write_text(tree / "share/text", std::string(20'000, 't'));
    fs::create_symlink("libbig.so.1", tree / "lib/libbig.so");
    bytes = read_text(shop.pack(tree, {}, 16384));
    const Prologue prologue = parse_prologue(as_bytes(bytes).first(kPrologueFrameSize));
    index_at = prologue.index_offset();
    signatures_at = prologue.signatures_offset();
    data_at = prologue.data_offset();
    const Index index = parse_index(as_bytes(bytes).subspan(index_at, prologue.index_size));
    frame_at = {data_at};
    for (const Frame& frame : index.frames) {
      frame_at.push_back(frame_at.back() + frame.compressed_size);
    }
  }
};

}  // namespace eb::test
