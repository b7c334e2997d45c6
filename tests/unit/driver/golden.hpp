#pragma once

#include <string>

namespace eb::test {

/// Compares with the file's content; with EB_ACCEPT=1 in the environment writes it instead: the
/// change then shows in the diff. Empty = same, else what differs.
std::string compare_golden(const std::string& file, const std::string& text);

}  // namespace eb::test
