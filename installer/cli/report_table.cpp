#include "installer/cli/report_table.hpp"

#include <algorithm>

#include "installer/base/error.hpp"
#include "installer/cli/bundle_argument.hpp"
#include "installer/install/size_text.hpp"

namespace eb {
namespace {

constexpr size_t kLabelWidth = 12;

std::string padded(std::string label, size_t width) {
  label.resize(std::max(width, label.size() + 1), ' ');
  return label;
}

}  // namespace

void ReportTable::headline(const std::string& label, const std::string& text) {
  out_ << padded(label, kLabelWidth + 2) << printable(text) << "\n";
}

void ReportTable::row(const std::string& label, const std::string& value) {
  if (value.empty()) return;
  out_ << "  " << padded(label, kLabelWidth) << printable(value) << "\n";
}

void print_record(std::ostream& out, const Json& record) {
  out << record.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n" << std::flush;
}

std::string content_text(const IndexTotals& totals) {
  std::string out = count_text(totals.files, "file", "files");
  out += ", " + count_text(totals.directories, "folder", "folders");
  if (totals.symlinks > 0) out += ", " + count_text(totals.symlinks, "link", "links");
  return out + ", " + size_text(totals.file_bytes);
}

void add_signer_rows(ReportTable& table, const VerifiedBundle& bundle, const TrustStore& trust) {
  bool by_anchors = false;
  for (const AcceptedSignature& signature : bundle.accepted()) {
    table.row("signed by", signer_text(signature, trust));
    by_anchors = by_anchors || trust.origin_of(signature) == kAnchorsOrigin;
  }
  if (by_anchors) table.row("note", kAnchorsNote);
  if (trust.policy().fips) table.row("fips", kFipsNote);
}

Json signers_json(const VerifiedBundle& bundle, const TrustStore& trust) {
  Json out = Json::array();
  for (const AcceptedSignature& signature : bundle.accepted()) {
    out.push_back({{"fingerprint", signature.fingerprint},
                   {"principal", signature.principal},
                   {"trusted_by", trust.origin_of(signature)}});
  }
  return out;
}

Json totals_json(const IndexTotals& totals) {
  return {{"files", totals.files},
          {"directories", totals.directories},
          {"symlinks", totals.symlinks},
          {"bytes", totals.file_bytes},
          {"compressed_bytes", totals.compressed_bytes}};
}

}  // namespace eb
