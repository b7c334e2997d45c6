#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "installer/format/verified_bundle.hpp"
#include "installer/install/durability.hpp"
#include "installer/install/floor.hpp"
#include "installer/install/form_advice.hpp"
#include "installer/install/frame_pipeline.hpp"
#include "installer/install/image_form.hpp"
#include "installer/install/module_files.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/preflight.hpp"
#include "installer/install/reuse.hpp"

namespace eb {

struct InstallOptions {
  std::string prefix;
  bool create_parents = false;
  PolicyExceptions exceptions;
  bool insecure_prefix = false;  ///< others may be able to exchange the prefix (F111)
  unsigned jobs = 0;             ///< 0 = as many as may run at once
  uint64_t max_bytes = 0;        ///< of files; 0 = no limit
  ReleaseForm form = ReleaseForm::kTree;
  bool reuse = true;            ///< share unchanged files with the active release
  unsigned wait_seconds = 600;  ///< for another run that works on the same release
  ModuleChoice modules;
  /// False where nobody counts on the files after the machine's next boot: nothing is synced then.
  bool durable = true;
  /// Called when the release is published and before `current` names it. What it throws leaves the
  /// release where it is, not active. May be empty.
  std::function<void(const Prefix& prefix, const std::string& release)> before_activation;
};

enum class InstallAction {
  kInstall,   ///< unpack, publish, make current
  kActivate,  ///< the release is there; only `current` changes
  kNothing,   ///< the release is there and current
};

/// What an install will do; printed by --dry-run. Making it changes nothing.
struct InstallPlan {
  InstallAction action = InstallAction::kInstall;
  std::string release;
  std::string id;
  PrefixView prefix;  ///< holds the descriptor that the install will use
  IndexTotals totals;
  ReleaseForm form = ReleaseForm::kTree;
  std::vector<std::string> outside;  ///< in image form: what lies beside the image
  FormAdvice advice;
  ReusableFiles reusable;  ///< what the active release has of it
  SpaceReport space;
  bool space_is_certain = true;  ///< false: other runs' files lie there, so it was not judged
  WorkerBudget workers;
  Durability durability;
  bool past_cache = false;  ///< large files are written so (UnpackOptions)
  Floor floor;

  /// As read_space() asks: how many files lie beside the image; nullopt for a tree.
  std::optional<uint64_t> image_outside() const {
    if (form != ReleaseForm::kImage) return std::nullopt;
    return outside.size();
  }
};

/// Runs every check that needs no writing, in this order: policy, prefix, space. Throws Error.
InstallPlan plan_install(Sys& sys, const VerifiedBundle& bundle, const Host& host,
                         const InstallOptions& options, bool is_stream, EventSink& events);

}  // namespace eb
