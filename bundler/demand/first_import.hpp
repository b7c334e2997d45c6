#pragma once

#include <map>
#include <string>
#include <vector>

#include "bundler/demand/shared_library.hpp"
#include "bundler/stage/staging.hpp"

namespace eb {

struct FileRange {
  RelPath path;
  ByteRange range;

  bool operator==(const FileRange&) const = default;
};

/// By package: what its first import reads of shared libraries, in about the order in which the
/// loader comes to it (it initialises what others need before them). Of packages in site-packages
/// that have extension modules at their top (torch/_C.*.so); what those need is followed through
/// the tree by name. Only packages that read at least kMinFirstImport bytes: below, asking ahead
/// gains nothing that a person would notice. Throws Error(kIo, kPermission). The result does not
/// depend on `threads`.
inline constexpr uint64_t kMinFirstImport = 32ull << 20;
std::map<std::string, std::vector<FileRange>> first_imports(const Staging& staging,
                                                            unsigned threads);

/// Puts a list for each of them into share/envbundle/read-ahead, and, where there is one, the .pth
/// file that makes Python load envbundle_read_ahead.py, which acts on it. A start from a cold disk
/// or a file server is then bound by how fast that reads, not by one page fault after the other.
void stage_first_imports(Staging& staging, unsigned threads);

}  // namespace eb
