// Writes the corpus of bundles that are wrong in one place each, and its page:
//
//     make_corpus FOLDER
//
// FOLDER/NAME.zst and FOLDER/README.md, a table with the exit code that each has to get. All are
// signed by the test key (Ed25519, seed 01…01) unless the signature is what is wrong.

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "tests/unit/format/raw_index.hpp"
#include "tests/unit/install/hand_made_bundle.hpp"

namespace eb {
namespace {

using namespace test;

std::string text_of(Bytes bytes) { return std::string(as_text(bytes)); }

template <typename Number>
std::string number(Number value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};  // little-endian, as the format
}

class Corpus {
 public:
  explicit Corpus(fs::path folder) : folder_(std::move(folder)) {
    shop_.host.machine = "x86_64";
    fs::create_directories(folder_);
    whole_ = read_text(made().write(shop_));
    const Prologue prologue = parse_prologue(as_bytes(whole_).first(kPrologueFrameSize));
    index_at_ = prologue.index_offset();
    signatures_at_ = prologue.signatures_offset();
    data_at_ = prologue.data_offset();
    index_ = whole_.substr(index_at_, prologue.index_size);
    data_ = whole_.substr(data_at_);
  }

  void write_all() {
    container();
    signatures();
    sections();
    meta();
    entries();
    frames();
    contents();
    write_page();
  }
  size_t size() const { return rows_.size(); }

 private:
  HandMadeBundle made() {
    std::string data;
    for (int i = 0; i < 400; ++i) data += std::to_string(i * i) + "\n";
    return HandMadeBundle(
        shop_, {{"bin/", ""}, {"bin/tool", "#!/bin/sh\n"}, {"lib/", ""}, {"lib/data", data}}, 2048);
  }

  void add(const std::string& name, int code, const std::string& what, const std::string& bytes) {
    write_text(folder_ / (name + ".zst"), bytes);
    rows_.push_back("| `" + name + ".zst` | " + std::to_string(code) + " | " + what + " |\n");
  }

  /// Bytes of the prologue exchanged, and its own digest made right again.
  std::string with_prologue(size_t at, const std::string& bytes) const {
    std::string out = whole_;
    out.replace(at, bytes.size(), bytes);
    out.replace(72, 32, text_of(sha256(as_bytes(out).first(72)).bytes));
    return out;
  }
  /// A bundle of these parts, with right sizes and digests.
  static std::string put_together(const std::string& index, const std::string& signatures,
                                  const std::string& data) {
    Prologue prologue;
    prologue.index_size = static_cast<uint32_t>(index.size());
    prologue.signatures_size = static_cast<uint32_t>(signatures.size());
    prologue.data_size = data.size();
    prologue.index_digest = sha256(as_bytes(index));
    return text_of(encode_prologue(prologue)) + text_of(skippable_header(prologue.index_size)) +
           index + text_of(skippable_header(prologue.signatures_size)) + signatures + data;
  }
  std::string signed_by(const std::vector<Blob>& blobs) const {
    return put_together(index_, text_of(encode_signatures(blobs)), data_);
  }
  std::string of_index(const std::string& index) const {
    return put_together(index, text_of(encode_signatures({shop_.signer.sign(as_bytes(index))})),
                        data_);
  }

  void container() {
    const std::string& good = whole_;
    add("container-empty", 10, "no byte at all", "");
    add("container-other-magic", 10, "a zip file", "PK\x03\x04" + std::string(200, 'x'));
    add("container-plain-zstd", 10, "the data frames alone: a zstd file, no bundle", data_);
    for (const size_t at : {1, 4, 8, 19, 20, 24, 71, 103, 104, 108, 112}) {
      add("container-cut-at-" + std::to_string(at), 10,
          "cut after " + std::to_string(at) + " bytes", good.substr(0, at));
    }
    add("container-cut-in-index", 10, "cut in the middle of the index",
        good.substr(0, index_at_ + 40));
    add("container-cut-before-signatures", 10, "cut before the signature frame's header",
        good.substr(0, signatures_at_ - 8));
    add("container-cut-in-signatures", 10, "cut in the signatures", good.substr(0, data_at_ - 3));
    add("container-cut-before-data", 10, "no data frame is there", good.substr(0, data_at_));
    add("container-cut-in-data", 10, "cut in the first frame", good.substr(0, data_at_ + 11));
    add("container-cut-last-byte", 10, "the last byte is missing", good.substr(0, good.size() - 1));
    add("container-one-byte-more", 10, "a byte after the last frame", good + "x");
    add("container-zeros-after", 10, "512 zeros after the last frame",
        good + std::string(512, '\0'));
    add("container-twice", 10, "the bundle, and the bundle again", good + good);
    add("container-skippable-after", 10, "an empty skippable frame after the last frame",
        good + text_of(skippable_header(0)));
    std::string mangled = good;
    mangled.replace(mangled.find("\r\n\x1a\n"), 4, "\n\x1a\n");
    add("container-line-ends", 10, "CR LF became LF, as in a transfer as text", mangled);
    mangled = good;
    for (char& c : mangled) c = static_cast<char>(c & 0x7F);
    add("container-seven-bits", 10, "the eighth bit of every byte is gone", mangled);
    add("container-major-2", 10, "major version 2", with_prologue(20, number<uint16_t>(2)));
    add("container-major-0", 10, "major version 0", with_prologue(20, number<uint16_t>(0)));
    std::string digest = good;
    digest[80] = static_cast<char>(digest[80] ^ 1);
    add("container-prologue-digest", 10, "the prologue's own digest is wrong", digest);
    add("container-index-size-0", 10, "index size 0", with_prologue(24, number<uint32_t>(0)));
    add("container-index-size-max", 10, "index size 2^32-1",
        with_prologue(24, number<uint32_t>(~0u)));
    add("container-index-size-cap", 10, "index size one above its cap",
        with_prologue(24, number<uint32_t>(kMaxIndexSize + 1)));
    add("container-signatures-size-cap", 10, "signatures size one above its cap",
        with_prologue(28, number<uint32_t>(kMaxSignaturesSize + 1)));
    add("container-signatures-size-0", 10, "signatures size 0",
        with_prologue(28, number<uint32_t>(0)));
    add("container-data-size-0", 10, "data size 0", with_prologue(32, number<uint64_t>(0)));
    add("container-data-size-max", 10, "data size 2^64-1",
        with_prologue(32, number<uint64_t>(~0ull)));
    add("container-data-size-one-more", 10, "data size larger than the file",
        with_prologue(32, number<uint64_t>(data_.size() + 1)));
    std::string header = good;
    header[index_at_ - 8] = 0x50;
    add("container-index-frame-magic", 10, "another skippable magic before the index", header);
    header = good;
    header[index_at_ - 4] = static_cast<char>(header[index_at_ - 4] + 1);
    add("container-index-frame-size", 10, "the index frame's header states another size", header);
    header = good;
    header[signatures_at_ - 4] = static_cast<char>(header[signatures_at_ - 4] + 1);
    add("container-signature-frame-size", 10, "the signature frame's header states another size",
        header);
    header = good;
    header[index_at_ + 30] = static_cast<char>(header[index_at_ + 30] ^ 4);
    add("container-index-changed", 13, "one bit of the index", header);
    add("container-other-index-digest", 13, "the prologue names another index",
        with_prologue(40, text_of(sha256(as_bytes("other")).bytes)));
  }

  void signatures() {
    const TestSigner& key = shop_.signer;
    const TestSigner stranger = TestSigner::ed25519(9);
    const Bytes index = as_bytes(index_);
    const Blob good = key.sign(index);
    add("signature-none", 11, "an empty list of signatures", signed_by({}));
    add("signature-unknown-key", 11, "signed by a key that nobody trusts",
        signed_by({stranger.sign(index)}));
    add("signature-of-other-index", 11, "a right signature over something else",
        signed_by({key.sign(as_bytes("other"))}));
    add("signature-other-namespace", 11, "made for another namespace",
        signed_by({key.sign(index, "sha512", "file")}));
    add("signature-good-and-bad", 11,
        "the trusted key signed, and a damaged second signature is there",
        signed_by({good, stranger.sign(as_bytes("other"))}));
    Blob changed = good;
    changed.back() ^= std::byte{1};
    add("signature-one-bit", 11, "one bit of S", signed_by({changed}));
    add("signature-s-not-reduced", 11,
        "S + L in place of S: the same signature for a careless verifier",
        signed_by({with_s_plus_l(key, index)}));
    add("signature-zeros", 11, "64 zero bytes", signed_by({key.blob(Blob(64))}));
    add("signature-short", 11, "63 bytes", signed_by({key.blob(Blob(63))}));
    add("signature-hash-md5", 11, "hash md5", signed_by({key.blob(Blob(64), "md5")}));
    add("signature-hash-none", 11, "no hash at all", signed_by({key.blob(Blob(64), "")}));
    add("signature-version-2", 11, "SSHSIG version 2",
        signed_by({TestSigner::blob_of(key.wire(), kSignatureNamespace, "sha512", Blob(83), 2)}));
    add("signature-reserved", 11, "the reserved field is not empty",
        signed_by(
            {TestSigner::blob_of(key.wire(), kSignatureNamespace, "sha512", Blob(83), 1, "x")}));
    Blob rsa;
    append_ssh_string(rsa, as_bytes("ssh-rsa"));
    append_ssh_string(rsa, Blob(3));
    append_ssh_string(rsa, Blob(128, std::byte{1}));
    add("signature-rsa", 11, "an RSA key",
        signed_by({TestSigner::blob_of(rsa, kSignatureNamespace, "sha512", Blob(83))}));
    Blob longer = good;
    longer.push_back(std::byte{0});
    add("signature-byte-after", 11, "a byte after the SSHSIG blob", signed_by({longer}));
    add("signature-text", 11, "no SSHSIG at all", signed_by({Blob(100, std::byte{'x'})}));
    const std::string list = text_of(encode_signatures({good}));
    const auto with_list = [this](const std::string& text) {
      return put_together(index_, text, data_);
    };
    std::string text = list;
    text.replace(8, 4, number<uint32_t>(2));
    add("signature-count-2-of-1", 10, "the list says two and has one", with_list(text));
    text.replace(8, 4, number<uint32_t>(~0u));
    add("signature-count-max", 10, "the list says 2^32-1", with_list(text));
    text.replace(8, 4, number<uint32_t>(0));
    add("signature-count-0-of-1", 10, "the list says none and has one", with_list(text));
    add("signature-list-longer", 10, "bytes after the list", with_list(list + "xx"));
    add("signature-list-magic", 10, "the list begins otherwise",
        with_list("EBSIGNX" + list.substr(7)));
    text = list;
    text.replace(12, 4, number<uint32_t>(~0u));
    add("signature-size-max", 10, "a signature of 2^32-1 bytes", with_list(text));
  }

  // L of RFC 8032, little-endian, added to S.
  static Blob with_s_plus_l(const TestSigner& key, Bytes index) {
    static constexpr unsigned char kOrder[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                                 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                                 0,    0,    0,    0,    0,    0,    0,    0,
                                                 0,    0,    0,    0,    0,    0,    0,    0x10};
    Blob raw = key.sign_raw(sshsig_signed_data(kSignatureNamespace, "sha512", index));
    unsigned carry = 0;
    for (size_t i = 0; i < 32; ++i) {
      carry += std::to_integer<unsigned>(raw[32 + i]) + kOrder[i];
      raw[32 + i] = static_cast<std::byte>(carry);
      carry >>= 8;
    }
    return key.blob(raw);
  }

  static std::vector<std::pair<std::string, std::string>> good_meta() {
    return {{"epoch", "1700000000"}, {"name", "sample"}, {"platform", "linux-x86_64"}};
  }
  static std::vector<RawEntry> good_entries() {
    return {{.type = 1, .path = "bin"},
            {.type = 2, .flags = 1, .path = "bin/tool", .size_bytes = 10},
            {.type = 3, .path = "tool", .target = "bin/tool"}};
  }
  // Files where the tar stream puts them, one frame over all, as long as it takes.
  static std::vector<RawSection> laid_out(
      std::vector<RawEntry> entries,
      const std::vector<std::pair<std::string, std::string>>& meta = good_meta()) {
    uint64_t at = 0;
    for (const RawEntry& entry : entries) at += entry.type == 1 ? 512 : 0;
    for (RawEntry& entry : entries) {
      if (entry.type != 2) continue;
      if (entry.offset == 0) entry.offset = at;
      at += 512 + (entry.size_bytes + 511) / 512 * 512;
    }
    for (const RawEntry& entry : entries) at += entry.type == 3 ? 512 : 0;
    return {{"meta", 1, raw_meta(meta)},
            {"frames", 1, raw_frames({{20, at + 1024}})},
            {"entries", 1, raw_entries(entries)}};
  }
  std::string of_sections(const std::vector<RawSection>& sections) const {
    const std::string index = text_of(raw_index(sections));
    return put_together(index, text_of(encode_signatures({shop_.signer.sign(as_bytes(index))})),
                        std::string(20, '\0'));
  }

  void sections() {
    std::vector<RawSection> good = laid_out(good_entries());
    // Right but for the frame, whose digest is that of nothing: what follows is wrong before that.
    add("index-sound", 13, "a sound index whose frame is not what it says", of_sections(good));
    const std::string index = text_of(raw_index(good));
    add("index-magic", 10, "the index begins otherwise", of_index("EBINDEY" + index.substr(7)));
    for (const uint32_t count : {0u, 2u, 4u, 65u, ~0u}) {
      std::string text = index;
      text.replace(8, 4, number(count));
      add("index-sections-" + std::to_string(count), 10,
          "the index says " + std::to_string(count) + " sections", of_index(text));
    }
    add("index-byte-after", 10, "a byte after the last section", of_index(index + "x"));
    add("index-short", 10, "ends in a section", of_index(index.substr(0, index.size() - 5)));
    std::vector<RawSection> changed = good;
    std::swap(changed[0], changed[1]);
    add("index-order", 10, "frames before meta", of_sections(changed));
    changed = good;
    changed.push_back(good[2]);
    add("index-section-twice", 10, "entries twice", of_sections(changed));
    changed = good;
    changed.push_back({"future", 1, {}});
    add("index-required-unknown", 10, "an unknown section that is marked as required",
        of_sections(changed));
    changed = good;
    changed.push_back({"zz", 0, {}});
    changed.push_back({"aa", 0, {}});
    add("index-optional-order", 10, "optional sections not in order", of_sections(changed));
    changed = good;
    changed.push_back({"Upper", 0, {}});
    add("index-section-name", 10, "a section's name with a capital", of_sections(changed));
    changed = good;
    changed[0].required = 3;
    add("index-section-flags", 10, "an unknown flag", of_sections(changed));
    changed = good;
    changed[2].required = 0;
    add("index-entries-optional", 10, "entries not marked as required", of_sections(changed));
  }

  void meta() {
    const auto with = [this](const std::string& name, int code, const std::string& what,
                             std::vector<std::pair<std::string, std::string>> more,
                             const std::string& without = "") {
      auto all = good_meta();
      std::erase_if(all, [&](const auto& pair) {
        return pair.first == without ||
               std::ranges::any_of(more, [&](const auto& m) { return m.first == pair.first; });
      });
      all.insert(all.end(), more.begin(), more.end());
      std::ranges::stable_sort(all, {}, [](const auto& pair) { return pair.first; });
      add("meta-" + name, code, what, of_sections(laid_out(good_entries(), all)));
    };
    for (const char* key : {"name", "platform", "epoch"}) {
      with(std::string("no-") + key, 10, std::string("no ") + key, {}, key);
    }
    with("key-twice", 10, "a key twice", {{"x", "1"}, {"x", "1"}});
    with("key-capital", 10, "a key with a capital", {{"Key", "1"}});
    with("key-empty", 10, "an empty key", {{"", "1"}});
    with("key-long", 10, "a key of 65 bytes", {{std::string(65, 'k'), "1"}});
    with("value-control", 10, "an escape character in a value", {{"x", "\x1b[31m"}});
    with("value-not-utf8", 10, "a value that is no UTF-8", {{"x", "\xC0\xAF"}});
    with("name-slash", 10, "a slash in the name", {{"name", "../evil"}});
    with("name-empty", 10, "an empty name", {{"name", ""}});
    with("name-long", 10, "a name of 65 bytes", {{"name", std::string(65, 'n')}});
    with("epoch-zero-first", 10, "a leading zero", {{"epoch", "01"}});
    with("epoch-large", 10, "an epoch above 2^33-1", {{"epoch", "8589934592"}});
    with("epoch-negative", 10, "a negative epoch", {{"epoch", "-1"}});
    with("counter-large", 10, "a counter of 2^64-1", {{"counter", "18446744073709551615"}});
    with("lock-digest", 10, "a digest of the lock with capitals",
         {{"lock-sha256", std::string(64, 'A')}});
    with("min-installer", 10, "asks for a newer installer", {{"min-installer", "99.0"}});
    with("min-kernel", 12, "asks for a newer kernel", {{"min-kernel", "99.0"}});
    with("expired", 12, "expired in 2023", {{"not-after", "1700000001"}});
    with("other-platform", 12, "for another architecture", {{"platform", "linux-aarch64"}});
    auto unsorted = good_meta();
    std::swap(unsorted[0], unsorted[1]);
    add("meta-order", 10, "keys not in order", of_sections(laid_out(good_entries(), unsorted)));
  }

  void entries() {
    const auto with = [this](const std::string& name, const std::string& what,
                             std::vector<RawEntry> more, bool sorted = true) {
      auto all = good_entries();
      all.insert(all.end(), more.begin(), more.end());
      if (sorted) std::ranges::stable_sort(all, {}, &RawEntry::path);
      add("entry-" + name, 10, what, of_sections(laid_out(all)));
    };
    const auto directory = [](std::string path) {
      return RawEntry{.type = 1, .path = std::move(path)};
    };
    const auto link = [](std::string path, std::string target) {
      return RawEntry{.type = 3, .path = std::move(path), .target = std::move(target)};
    };
    const std::pair<const char*, std::string> paths[] = {
        {"absolute", "/etc"},
        {"parent", ".."},
        {"parent-inside", "bin/../x"},
        {"dot", "bin/./x"},
        {"double-slash", "bin//x"},
        {"slash-at-end", "bin/x/"},
        {"empty", ""},
        {"newline", "bin/a\nb"},
        {"nul", std::string("bin/a\0b", 7)},
        {"escape", "bin/\x1b[2J"},
        {"delete", "bin/\x7f"},
        {"not-utf8", "bin/\xff"},
        {"utf8-overlong", "bin/\xC0\xAF"},
        {"utf8-surrogate", "bin/\xED\xA0\x80"},
        {"component-256", "bin/" + std::string(256, 'c')},
        {"no-parent", "nowhere/x"},
        {"below-file", "bin/tool/x"},
        {"below-link", "tool/x"},
        {"reserved-envinstall", ".envinstall"},
        {"reserved-bundle", ".bundle"},
        {"reserved-current", "current"},
        {"reserved-releases", "releases"},
        {"reserved-lost-found", "lost+found"},
        {"reserved-nfs", ".nfs0001"}};
    for (const auto& [name, path] : paths) {
      with(std::string("path-") + name, std::string("path: ") + name, {directory(path)});
    }
    std::vector<RawEntry> deep;
    std::string path = "d";
    for (int i = 0; i < 65; ++i, path += "/d") deep.push_back(directory(path));
    with("depth-65", "65 components", deep);
    with("twice", "a path twice", {directory("bin")});
    with("file-and-folder", "a file and a folder of one path",
         {{.type = 2, .path = "bin", .size_bytes = 1}});
    with("order", "entries not in order", {directory("a")}, false);
    for (const uint8_t type : {0, 4, 255}) {
      with("type-" + std::to_string(type), "type " + std::to_string(type) + ": no such thing",
           {{.type = type, .path = "x"}});
    }
    with("file-flags", "a file with flag 2 (set-id?)", {{.type = 2, .flags = 2, .path = "x"}});
    with("folder-flags", "an executable folder", {{.type = 1, .flags = 1, .path = "x"}});
    with("link-flags", "an executable link",
         {{.type = 3, .flags = 1, .path = "x", .target = "bin"}});
    with("file-huge", "a file of 2^63 bytes", {{.type = 2, .path = "x", .size_bytes = 1ull << 63}});
    with("file-max", "a file of 2^64-1 bytes", {{.type = 2, .path = "x", .size_bytes = ~0ull}});
    with("offset", "a file that lies elsewhere in the stream",
         {{.type = 2, .path = "x", .size_bytes = 1, .offset = 7}});
    const std::pair<const char*, std::string> targets[] = {{"absolute", "/etc/passwd"},
                                                           {"escape", "../../etc"},
                                                           {"root", "."},
                                                           {"empty", ""},
                                                           {"loop", "x"},
                                                           {"control", "a\nb"},
                                                           {"not-utf8", "\xff"},
                                                           {"long", std::string(1025, 't')},
                                                           {"escape-inside", "bin/../../x"}};
    for (const auto& [name, target] : targets) {
      with(std::string("link-") + name, std::string("link target: ") + name, {link("x", target)});
    }
    with("link-through-link", "a link that leaves through another one",
         {directory("d"), directory("d/e"), link("d/up", "e"), link("z", "d/up/../../..")});
    std::vector<RawSection> counted = laid_out(good_entries());
    counted[2].data[3] = std::byte{0xFF};
    add("entry-count", 10, "billions of entries in a hundred bytes", of_sections(counted));
  }

  void frames() {
    const auto with = [this](const std::string& name, const std::string& what,
                             const std::vector<RawFrame>& list) {
      std::vector<RawSection> all = laid_out(good_entries());
      all[1].data = raw_frames(list);
      add("frames-" + name, 10, what, of_sections(all));
    };
    // Of laid_out(good_entries()): three headers, one block of content, the end.
    constexpr uint64_t kRaw = 512 * 3 + 512 + 1024;
    with("none", "no frame", {});
    with("short", "the frames hold less than the stream", {{20, kRaw - 1}});
    with("long", "the frames hold more than the stream", {{20, kRaw + 1}});
    with("data-size", "compressed sizes that do not add up to the data", {{19, kRaw}});
    with("empty-frame", "a frame of nothing", {{10, kRaw}, {10, 0}});
    with("raw-cap", "a frame above 64 MiB", {{20, (64ull << 20) + 1}});
    with("raw-overflow", "raw sizes that overflow", {{10, ~0ull}, {10, kRaw + 1}});
    with("compressed-overflow", "compressed sizes that overflow", {{~0ull, kRaw - 1}, {21, 1}});
    std::vector<RawSection> counted = laid_out(good_entries());
    counted[1].data[3] = std::byte{0xFF};
    add("frames-count", 10, "billions of frames in sixty bytes", of_sections(counted));
  }

  std::string of_frame(size_t i, Blob frame) {
    HandMadeBundle bundle = made();
    bundle.set_frame(i, std::move(frame));
    return read_text(bundle.write(shop_));
  }
  static Blob blob_of(const std::string& text) {
    return {as_bytes(text).begin(), as_bytes(text).end()};
  }

  void contents() {
    const HandMadeBundle good = made();
    const Blob raw(good.raw(0).begin(), good.raw(0).end());
    add("data-no-size", 10, "a frame that does not state its size",
        of_frame(0, compress_frame(raw, {.content_size = false})));
    add("data-no-checksum", 10, "a frame without checksum",
        of_frame(0, compress_frame(raw, {.checksum = false})));
    add("data-less", 10, "a frame that states less than the index",
        of_frame(0, compress_frame(Bytes(raw).first(raw.size() - 1))));
    Blob more = raw;
    more.push_back(std::byte{0});
    add("data-more", 10, "a frame that states more than the index",
        of_frame(0, compress_frame(more)));
    const std::string size = number<uint64_t>(raw.size());
    add("data-window", 10, "a window of 3.75 TB",
        of_frame(0,
                 blob_of("\x28\xB5\x2F\xFD\xC4\xFF" + size + std::string("\x01\0\0\0\0\0\0", 7))));
    add("data-legacy", 10, "zstd 0.7's magic",
        of_frame(0, blob_of("\x27\xB5\x2F\xFD" + std::string(16, '\0'))));
    add("data-skippable", 10, "a skippable frame",
        of_frame(0, blob_of("\x50\x2A\x4D\x18" + number<uint32_t>(8) + std::string(8, '\0'))));
    add("data-gzip", 10, "gzip", of_frame(0, blob_of("\x1f\x8b\x08" + std::string(20, '\0'))));
    Blob dictionary = compress_frame(raw);
    const size_t at = (std::to_integer<int>(dictionary[4]) & 0x20) != 0 ? 5 : 6;
    dictionary[4] |= std::byte{1};
    dictionary.insert(dictionary.begin() + static_cast<ptrdiff_t>(at), std::byte{7});
    add("data-dictionary", 10, "a frame that wants a dictionary", of_frame(0, dictionary));
    Blob after = compress_frame(raw);
    after.push_back(std::byte{0});
    add("data-byte-after", 10, "a byte after the frame's end, inside its bounds",
        of_frame(0, after));
    Blob second = compress_frame(raw);
    const Blob empty = compress_frame(Bytes());
    second.insert(second.end(), empty.begin(), empty.end());
    add("data-two-frames", 10, "a second, empty frame inside the first one's bounds",
        of_frame(0, second));
    Blob zeros(raw.size());
    add("data-other-content", 13, "another content of the right size, signed",
        of_frame(0, compress_frame(zeros)));
    Blob header = raw;
    header[100] = std::byte{'4'};
    add("data-tar-mode", 13, "a tar header with a set-id bit", of_frame(0, compress_frame(header)));
    std::string changed = whole_;
    changed[data_at_ + 30] = static_cast<char>(changed[data_at_ + 30] ^ 1);
    add("data-one-bit", 13, "one bit of a frame", changed);
    changed = whole_;
    changed.replace(changed.size() - 100, 100, std::string(100, '\0'));
    add("data-hole", 13, "zeros in place of the last bytes", changed);
    const std::string first = text_of(good.frames[0]);
    const std::string next = text_of(good.frames[1]);
    add("data-exchanged", 13, "two frames exchanged",
        whole_.substr(0, data_at_) + next + first + data_.substr(first.size() + next.size()));
    HandMadeBundle other = made();
    other.index.entries[1].digest = sha256(as_bytes("other"));
    add("data-file-digest", 0,
        "the digest of a file is another's: the frames' digests vouch for what is installed, "
        "`verify` finds it",
        read_text(other.write(shop_)));
  }

  void write_page() const {
    std::string page =
        "# Malformed bundles\n\n"
        "Bundles that are wrong in one place each, and the exit code that a reader of the format "
        "(`installer/format/FORMAT.md`) has\nto end with: 10 malformed, 11 signature or trust, 12 "
        "policy, 13 digest mismatch. Each but `signature-…` is signed by the key\nwhose "
        "fingerprint "
        "is below; nothing else is trusted. `tests/hostile/make_corpus.cpp` writes files and page, "
        "`tests/hostile/corpus.py`\ninstalls each with the real program. 0 stands where the fault "
        "is "
        "none of the installer's: see the row.\n\n"
        "`envinstall FILE --prefix DIR --trust " +
        shop_.signer.key().fingerprint() +
        "`\n\n| file | exit code | what is wrong |\n|---|---:|---|\n";
    for (const std::string& row : rows_) page += row;
    write_text(folder_ / "README.md", page);
  }

  fs::path folder_;
  Workshop shop_;
  std::string whole_, index_, data_;
  size_t index_at_ = 0, signatures_at_ = 0, data_at_ = 0;
  std::vector<std::string> rows_;
};

}  // namespace
}  // namespace eb

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: make_corpus FOLDER\n", stderr);
    return 2;
  }
  try {
    eb::Corpus corpus{std::filesystem::path(argv[1])};
    corpus.write_all();
    std::printf("%zu bundles\n", corpus.size());
    return 0;
  } catch (const eb::Error& error) {
    std::cerr << eb::render_error("make_corpus", error);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
  }
  return 1;
}
