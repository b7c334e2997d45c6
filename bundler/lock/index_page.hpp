#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bundler/fetch/fetch.hpp"
#include "installer/base/digest.hpp"

namespace eb {

/// A file that a project's page of an index names.
struct IndexFile {
  std::string file_name;
  std::string url;  ///< absolute
  std::optional<Sha256> digest;
  std::optional<uint64_t> size_bytes;
  bool yanked = false;
  bool has_metadata = false;  ///< URL + ".metadata" gives METADATA (PEP 658, 714)
  std::optional<Sha256> metadata_digest;
  std::string upload_time;  ///< RFC 3339; "" = not given
};

/// A page in JSON (PEP 691) or HTML (PEP 503), by its content type. Links are seen from the page's
/// final URL and its <base href>. Files that are no wheels are left out.
/// Throws Error(kNetwork) for anything else, an API version of another major, and more than the
/// million links or the nesting that make sense (FAULTS F088).
std::vector<IndexFile> parse_index_page(const HttpDocument& page);

/// ROOT/NAME/, asked for as PEP 691 says. nullopt when the index does not have the project.
std::optional<std::vector<IndexFile>> read_index_page(const std::string& index_url,
                                                      const std::string& project,
                                                      const FetchOptions& options);

}  // namespace eb
