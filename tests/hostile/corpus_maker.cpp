#include "corpus_maker.hpp"

namespace eb::test {

CorpusMaker::CorpusMaker(fs::path folder) : folder_(std::move(folder)) {
  shop.host.machine = "x86_64";
  fs::create_directories(folder_);
  whole = read_text(made().write(shop));
  const Prologue prologue = parse_prologue(as_bytes(whole).first(kPrologueFrameSize));
  index_at = prologue.index_offset();
  signatures_at = prologue.signatures_offset();
  data_at = prologue.data_offset();
  index = whole.substr(index_at, prologue.index_size);
  data = whole.substr(data_at);
}

void CorpusMaker::add(const std::string& name, int code, const std::string& what,
                      const std::string& bytes) {
  write_text(folder_ / (name + ".zst"), bytes);
  rows_.push_back("| `" + name + ".zst` | " + std::to_string(code) + " | " + what + " |\n");
}

HandMadeBundle CorpusMaker::made() const {
  std::string numbers;
  for (int i = 0; i < 400; ++i) numbers += std::to_string(i * i) + "\n";
  return HandMadeBundle(
      shop, {{"bin/", ""}, {"bin/tool", "#!/bin/sh\n"}, {"lib/", ""}, {"lib/data", numbers}}, 2048);
}

std::string CorpusMaker::with_prologue(size_t at, const std::string& bytes) const {
  std::string out = whole;
  out.replace(at, bytes.size(), bytes);
  out.replace(72, 32, text_of(sha256(as_bytes(out).first(72)).bytes));
  return out;
}

std::string CorpusMaker::put_together(const std::string& index, const std::string& signatures,
                                      const std::string& data) {
  Prologue prologue;
  prologue.index_size = static_cast<uint32_t>(index.size());
  prologue.signatures_size = static_cast<uint32_t>(signatures.size());
  prologue.data_size = data.size();
  prologue.index_digest = sha256(as_bytes(index));
  return text_of(encode_prologue(prologue)) + text_of(skippable_header(prologue.index_size)) +
         index + text_of(skippable_header(prologue.signatures_size)) + signatures + data;
}

std::string CorpusMaker::signed_by(const std::vector<Blob>& blobs) const {
  return put_together(index, text_of(encode_signatures(blobs)), data);
}

std::string CorpusMaker::of_signed_index(const std::string& text, const std::string& frames) const {
  return put_together(text, text_of(encode_signatures({shop.signer.sign(as_bytes(text))})), frames);
}

std::string CorpusMaker::of_index(const std::string& text) const {
  return of_signed_index(text, data);
}

std::string CorpusMaker::of_sections(const std::vector<RawSection>& sections) const {
  return of_signed_index(text_of(raw_index(sections)), std::string(20, '\0'));
}

std::string CorpusMaker::of_frame(size_t i, Blob frame) {
  HandMadeBundle bundle = made();
  bundle.set_frame(i, std::move(frame));
  return read_text(bundle.write(shop));
}

void CorpusMaker::write_page() const {
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
      shop.signer.key().fingerprint() +
      "`\n\n| file | exit code | what is wrong |\n|---|---:|---|\n";
  for (const std::string& row : rows_) page += row;
  write_text(folder_ / "README.md", page);
}

}  // namespace eb::test
