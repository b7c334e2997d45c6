#pragma once

// Debian 12 has Catch2 2.13 with its one header; Debian 13 and Ubuntu 24.04 have version 3. The
// tests are written for the first; this header gives the second under the same name.
#include <catch2/catch_all.hpp>

using Catch::Approx;
namespace Catch {
using Matchers::EndsWith;
using Matchers::Equals;
using Matchers::StartsWith;
inline auto Contains(const std::string& text) { return Matchers::ContainsSubstring(text); }
}  // namespace Catch
