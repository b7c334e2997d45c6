#include <algorithm>
#include <array>

#include "runtime/envrun/doctor/sections.hpp"

namespace eb {
namespace {

// Beginnings of module names (before the version) that bring what this environment has already.
constexpr std::array kConflicting = {"cuda",    "cudnn",       "cudatoolkit", "nccl",       "nvhpc",
                                     "conda",   "anaconda",    "miniconda",   "miniforge",  "mamba",
                                     "python",  "pytorch",     "torch",       "tensorflow", "jax",
                                     "jupyter", "cray-python", "scipy-bundle"};

// Libraries that this environment has; one of another version beside them is a classic.
constexpr std::array kLibraries = {
    "libcudart.so", "libcublas.so", "libcublasLt.so", "libcudnn",    "libnccl.so",
    "libcufft.so",  "libcusparse",  "libcusolver",    "libnvrtc.so", "libnvJitLink.so",
    "libstdc++.so", "libgcc_s.so",  "libgomp.so",     "libtorch",    "libpython3",
    "libssl.so",    "libcrypto.so", "libz.so",        "libmpi.so"};

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  const std::string all = text + ":";
  for (size_t begin = 0; begin < all.size();) {
    const size_t end = all.find(':', begin);
    if (end > begin) out.push_back(all.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

void add_modules(const Machine& machine, Observations& out) {
  const std::vector<std::string> loaded = split(machine.variables.get("LOADEDMODULES"));
  if (loaded.empty()) {
    out.ok("modules", "none is loaded");
    return;
  }
  std::vector<std::string> conflicting;
  for (const std::string& module : loaded) {
    const std::string name = lower(module.substr(0, module.find('/')));
    if (std::ranges::any_of(kConflicting, [&](const char* each) { return name == each; }) ||
        name.starts_with("pytorch") || name.starts_with("cudnn")) {
      conflicting.push_back(module);
    }
  }
  if (conflicting.empty()) {
    out.ok("modules", list_text(loaded));
    return;
  }
  out.warning("modules", list_text(conflicting) + " (loaded)",
              "they bring programs and libraries that this environment has of its own: by PATH and "
              "PYTHONPATH theirs may come first",
              {"module unload " + conflicting.front() + ", or module purge in the job script"});
}

std::vector<std::string> own_kinds(const Machine& machine, const std::string& folder) {
  std::vector<std::string> out;
  for (const std::string& name : machine.files.names(folder)) {
    if (name.find(".so") == std::string::npos) continue;
    if (std::ranges::any_of(kLibraries, [&](const char* each) { return name.starts_with(each); })) {
      out.push_back(name);
    }
  }
  return out;
}

// Each library once by its shortest name: libcudart.so of libcudart.so.12 and libcudart.so.12.4.
std::vector<std::string> shortest(std::vector<std::string> names) {
  std::ranges::sort(names);
  std::vector<std::string> out;
  for (const std::string& name : names) {
    if (out.empty() || !name.starts_with(out.back())) out.push_back(name);
  }
  return out;
}

void add_library_path(const Machine& machine, Observations& out) {
  const std::string value = machine.variables.get("LD_LIBRARY_PATH");
  if (value.empty()) {
    out.ok("LD_LIBRARY_PATH", "not set");
    return;
  }
  size_t folders = 0;
  for (const std::string& folder : path_list(value)) {
    if (!machine.may_read(folder)) {
      out.problem("LD_LIBRARY_PATH", folder + ": its file system does not answer",
                  "every program of the host hangs when it looks for a library there",
                  {"take it out of LD_LIBRARY_PATH"});
      continue;
    }
    ++folders;
    if (folder.starts_with(machine.place.prefix + "/")) {
      out.warning("LD_LIBRARY_PATH", folder + " is this environment's own",
                  "programs of the host may break when they get its libraries; its own programs "
                  "need no such setting",
                  {"take it out of LD_LIBRARY_PATH"});
      continue;
    }
    const std::vector<std::string> libraries = shortest(own_kinds(machine, folder));
    if (libraries.empty()) continue;
    out.note("LD_LIBRARY_PATH", folder + " has " + list_text(libraries)).cause =
        "programs of this environment pass it by; programs of the host that they start, and "
        "extensions built against it, do not";
  }
  if (split(value).size() != path_list(value).size() || value.find("::") != std::string::npos) {
    out.warning("LD_LIBRARY_PATH", "an entry is empty, relative or there twice",
                "an empty or relative entry is the working folder of each program",
                {"write it without '::' and with absolute paths"});
  }
  if (folders > 0) {
    out.note("LD_LIBRARY_PATH", number_text(folders, "folder", "folders") +
                                    "; this environment takes the GPU driver from it at most");
  }
}

void add_preload(const Machine& machine, Observations& out) {
  for (const char* name : {"LD_PRELOAD", "LD_AUDIT"}) {
    const std::string value = machine.variables.get(name);
    if (value.empty()) continue;
    out.warning(name, value,
                "it is loaded into every program of this environment too, on another libc than it "
                "was made for",
                {"if something fails in a strange way: env -u " + std::string(name) + " CMD"});
  }
}

}  // namespace

Observations examine_modules(const Machine& machine) {
  Observations out;
  add_modules(machine, out);
  add_library_path(machine, out);
  add_preload(machine, out);
  return out;
}

}  // namespace eb
