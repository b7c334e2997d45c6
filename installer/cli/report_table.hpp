#pragma once

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "installer/format/verified_bundle.hpp"
#include "installer/install/trust_store.hpp"

namespace eb {

using Json = nlohmann::ordered_json;

/// A headline and lines of "  label   value" below it: the shape of every result for people.
class ReportTable {
 public:
  explicit ReportTable(std::ostream& out) : out_(out) {}
  void headline(const std::string& label, const std::string& text);
  /// Nothing is printed for an empty value.
  void row(const std::string& label, const std::string& value);

 private:
  std::ostream& out_;
};

/// One line of JSON; text that is not UTF-8 is made so.
void print_record(std::ostream& out, const Json& record);

/// "12 files, 3 folders, 1 link, 1.2 kB".
std::string content_text(const IndexTotals& totals);

/// Rows for signers, with the note that belongs to an installer's own anchors.
void add_signer_rows(ReportTable& table, const VerifiedBundle& bundle, const TrustStore& trust);
Json signers_json(const VerifiedBundle& bundle, const TrustStore& trust);
Json totals_json(const IndexTotals& totals);

}  // namespace eb
