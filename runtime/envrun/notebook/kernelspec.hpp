#pragma once

#include <string>

#include "runtime/envrun/core/action.hpp"

namespace eb {

struct KernelspecOptions {
  bool user = false;
  std::string prefix;        ///< Jupyter looks in DIR/share/jupyter/kernels
  std::string name;          ///< empty: "envbundle-" and the release's name without its ID
  std::string display_name;  ///< empty: from the release's name
  bool remove = false;
  bool print = false;
};

/// The text of a kernel.json whose program has an absolute path, for a Jupyter that is not ours.
/// Limits of the command line (`envrun --memory 32g kernelspec`) become the kernel's.
std::string kernel_json(const Session& session, const std::string& display_name);

/// "pytorch-2.8-cu128" of "pytorch-2.8-cu128-7ddea5c07ad74adf".
std::string bundle_name(const std::string& release_name);

/// `envrun kernelspec`: registers the environment's kernel with a site's own JupyterHub, Open
/// OnDemand or JupyterLab.
Action add_kernelspec(CLI::App& app);

}  // namespace eb
