#pragma once

#include "bundler/lock/lock.hpp"
#include "bundler/manifest/manifest.hpp"

namespace eb {

/// The CUDA version ("12.8") of the runtime library among the wheels; "" where there is none.
std::string cuda_of_wheels(const std::vector<Artifact>& artifacts);

/// Throws Error(kUnresolvable) when the wheels are built for another CUDA than [gpu] asks for, or
/// for none.
void check_cuda(const Manifest& manifest, const std::vector<Artifact>& artifacts);

/// Whether a licence is one that a person has to accept: proprietary, not an open one.
bool needs_acceptance(const std::string& licence);

/// Throws Error(kPolicy) naming every licence that needs acceptance and that [licences] accept does
/// not hold.
void check_licences(const Manifest& manifest, const std::vector<Artifact>& artifacts);

}  // namespace eb
