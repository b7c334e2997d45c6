#pragma once

#include <string>

#include "bundler/lock/lock.hpp"
#include "bundler/stage/staging.hpp"

namespace eb {

// What a release says about its parts: their licences and their list.

/// Links the licence files that wheels carry in their dist-info to share/licenses/NAME/.
void stage_wheel_licences(Staging& staging);

/// share/envbundle/packages.json: one record an artifact, with version, licence, size and SHA-256.
void stage_package_list(const Lock& lock, Staging& staging);

/// The licences of all artifacts, each once, sorted, comma separated: the bundle's meta "licences".
std::string licence_summary(const Lock& lock);

}  // namespace eb
