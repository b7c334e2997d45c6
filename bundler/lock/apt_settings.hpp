#pragma once

#include <string>
#include <vector>

#include "bundler/lock/sources.hpp"

namespace eb {

/// The archive roots that apt on this machine is configured with, in either style of sources file,
/// with the suites that each serves (code names too, where apt has fetched its lists). Empty where
/// there is no apt.
std::vector<ArchiveRoot> ask_apt();

/// The roots in the answer of `apt-get update --print-uris`; for ask_apt() and tests.
std::vector<ArchiveRoot> parse_update_uris(const std::string& text);

/// Whether `root` serves `suite` or one of its companions (bookworm-updates, bookworm-security).
/// A root of which no suite is known serves any.
bool serves_suite(const ArchiveRoot& root, const std::string& suite);

/// debian-security for a suite of that archive, else debian: its tree on snapshot.debian.org.
std::string archive_of_suite(const std::string& suite);

}  // namespace eb
