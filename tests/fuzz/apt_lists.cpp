#include <algorithm>

#include "bundler/lock/apt_settings.hpp"
#include "bundler/lock/apt_workspace.hpp"
#include "bundler/lock/debian_control.hpp"
#include "bundler/lock/debian_copyright.hpp"
#include "bundler/lock/snapshot.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace {

using namespace eb;

std::string written(const std::vector<ControlStanza>& stanzas) {
  std::string out;
  for (const ControlStanza& stanza : stanzas) {
    for (const auto& [name, value] : stanza) {
      out += name + ": ";
      for (const char c : value) out += c == '\n' ? std::string("\n ") : std::string(1, c);
      out += '\n';
    }
    out += '\n';
  }
  return out;
}

void read_stanzas(std::string_view text) {
  const std::vector<ControlStanza> stanzas = parse_control(text);
  fuzz::require(parse_control(written(stanzas)) == stanzas, "paragraphs keep their fields");
  for (const ControlStanza& stanza : stanzas) {
    for (const char* field : {"depends", "pre-depends", "provides"}) {
      for (const auto& alternatives : parse_relations(control_field(stanza, field))) {
        fuzz::require(!alternatives.empty(), "a relation names something");
        for (const std::string& name : alternatives) {
          fuzz::require(!name.empty() && name.find_first_of(" \t\n,|:([<") == std::string::npos,
                        "a relation's name is a name");
        }
      }
    }
    if (const auto time = parse_release_date(control_field(stanza, "date"))) {
      fuzz::require(parse_timestamp(format_timestamp(*time)) == time, "a time keeps its value");
    }
  }
}

void read_answers(const std::string& text) {
  for (const auto& [name, version] : parse_simulation(text)) {
    fuzz::require((name + version).find_first_of(" \n") == std::string::npos,
                  "a package and its version are one word each");
  }
  for (const std::string& uri : parse_install_uris(text)) {
    fuzz::require(text.size() >= uri.size(), "a URI stands in the text");
  }
  for (const ArchiveRoot& root : parse_update_uris(text)) {
    fuzz::require(root.url.ends_with('/'), "a root is a folder");
    for (const std::string& suite : root.suites) {
      fuzz::require(!suite.empty() && suite.find('\'') == std::string::npos, "a suite has a name");
    }
  }
}

}  // namespace

// What apt knows and answers: Packages and Release files, --simulate, --print-uris; and a package's
// copyright file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(as_text(fuzz::bytes_of(data, size)));
  read_stanzas(text);
  read_answers(text);
  fuzz::require(summarise_copyright(text).find('\n') == std::string::npos, "a summary is one line");
  if (const auto time = parse_rfc3339(text)) {
    fuzz::require(parse_timestamp(format_timestamp(*time)) == time, "a time keeps its value");
  }
  return 0;
}
