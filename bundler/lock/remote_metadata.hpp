#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "bundler/fetch/fetch.hpp"

namespace eb {

/// METADATA of a wheel that lies on a server, by reading the end of the file and one entry of it.
/// `file_size` is the wheel's; nullopt when the server does not send parts, or the archive is not
/// laid out as expected: the caller then needs the whole file. What is read here is not covered by
/// the wheel's digest; it serves for the lock's words (licence, who asks for what) alone.
std::optional<std::string> read_remote_metadata(const std::string& url, uint64_t file_size,
                                                const FetchOptions& options);

/// The size of a file on a server, for indexes that do not tell it; nullopt when the server does
/// not send parts.
std::optional<uint64_t> read_remote_size(const std::string& url, const FetchOptions& options);

/// METADATA over any source of bytes: `read(offset, size)` gives exactly that part, or nullopt.
using RangeReader = std::function<std::optional<std::string>(uint64_t offset, uint64_t size)>;
std::optional<std::string> read_metadata_by_ranges(uint64_t file_size, const RangeReader& read);

}  // namespace eb
