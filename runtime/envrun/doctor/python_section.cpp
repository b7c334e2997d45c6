#include <algorithm>
#include <array>

#include "runtime/envrun/doctor/release.hpp"
#include "runtime/envrun/doctor/sections.hpp"

namespace eb {
namespace {

// Packages whose second copy in front of ours is a common cause of strange failures.
constexpr std::array kShadowing = {"torch",     "torchvision",      "torchaudio", "numpy",
                                   "triton",    "nvidia",           "scipy",      "jupyter_server",
                                   "ipykernel", "typing_extensions"};

std::vector<std::string> packages_in(const Machine& machine, const std::string& folder) {
  std::vector<std::string> out;
  for (const char* name : kShadowing) {
    if (machine.files.exists(folder + "/" + name) ||
        machine.files.exists(folder + "/" + name + ".py")) {
      out.emplace_back(name);
    }
  }
  return out;
}

void add_python_path(const Machine& machine, Observations& out) {
  const std::string value = machine.variables.get("PYTHONPATH");
  if (value.empty()) {
    out.ok("PYTHONPATH", "not set");
    return;
  }
  bool shadows = false;
  for (const std::string& folder : path_list(value)) {
    if (!machine.may_read(folder)) {
      out.problem("PYTHONPATH", folder + ": its file system does not answer",
                  "Python looks there at every import and hangs", {"take it out of PYTHONPATH"});
      continue;
    }
    const std::vector<std::string> found = packages_in(machine, folder);
    if (found.empty()) continue;
    shadows = true;
    out.problem("PYTHONPATH", folder + " has " + list_text(found),
                "they are imported instead of this environment's",
                {"unset PYTHONPATH, or python -E; own packages go into a venv: see the page on own "
                 "packages"});
  }
  if (!shadows) {
    out.note("PYTHONPATH", value).cause = "packages there come before this environment's";
  }
}

void add_environments(const Machine& machine, Observations& out) {
  const std::string home = machine.variables.get("PYTHONHOME");
  if (!home.empty()) {
    out.warning(
        "PYTHONHOME", home,
        "a Python that is started without envrun looks for its own library there and fails: "
        "'No module named encodings'",
        {"unset PYTHONHOME"});
  }
  const std::string conda = machine.variables.get("CONDA_PREFIX");
  if (!conda.empty()) {
    out.warning("conda", conda,
                "its bin may stand before this environment's on PATH, and its hooks set variables "
                "of their own",
                {"conda deactivate (also of base: conda config --set auto_activate_base false)"});
  }
  const std::string venv = machine.variables.get("VIRTUAL_ENV");
  if (venv.empty()) return;
  const auto settings = machine.may_read(venv) ? machine.files.read(venv + "/pyvenv.cfg")
                                               : std::optional<std::string>();
  if (settings && (settings->find(machine.place.prefix + "/") != std::string::npos ||
                   settings->find(machine.place.release + "/") != std::string::npos)) {
    out.ok("venv", venv + ", made from this environment");
  } else {
    out.warning("venv", venv + " is of another Python",
                "its bin stands before this environment's on PATH",
                {"deactivate, or make one from this environment: " + machine.place.prefix +
                 "/bin/python -m venv --system-site-packages FOLDER"});
  }
}

void add_user_site(const Machine& machine, Observations& out) {
  const std::string python = release_python(machine);
  const std::string home = machine.home();
  if (python.empty() || home.empty() || !machine.may_read(home)) return;
  std::string base = machine.variables.get("PYTHONUSERBASE");
  if (base.empty()) base = home + "/.local";
  const std::string folder = base + "/lib/python" + python + "/site-packages";
  if (!machine.may_read(folder) || !machine.files.exists(folder)) {
    out.ok("user packages", "none for Python " + python);
    return;
  }
  const std::vector<std::string> found = packages_in(machine, folder);
  if (found.empty()) {
    out.note("user packages", folder).cause =
        "envrun leaves them out (PYTHONNOUSERSITE); a Python called directly uses them";
    return;
  }
  out.warning(
      "user packages", folder + " has " + list_text(found),
      "a Python that is started without envrun imports them instead of this environment's",
      {"export PYTHONNOUSERSITE=1, or start by envrun", "to be rid of them: rm -r " + folder});
}

void add_first_python(const Machine& machine, Observations& out) {
  for (const std::string& folder : path_list(machine.variables.get("PATH"))) {
    if (!machine.may_read(folder)) continue;
    for (const char* name : {"python3", "python"}) {
      const std::string path = folder + "/" + name;
      const auto real = machine.files.real_path(path);
      if (!real || !machine.files.exists(*real)) continue;
      const bool is_ours = real->starts_with(machine.place.release + "/") ||
                           real->starts_with(machine.place.prefix + "/");
      if (is_ours) {
        out.ok("python on PATH", path);
      } else {
        out.note("python on PATH", path + ", not this environment's").next = {
            "export PATH=" + machine.place.lasting_root() + "/bin:$PATH, or envrun -- python"};
      }
      return;
    }
  }
}

}  // namespace

Observations examine_python(const Machine& machine) {
  Observations out;
  add_first_python(machine, out);
  add_python_path(machine, out);
  add_environments(machine, out);
  add_user_site(machine, out);
  return out;
}

}  // namespace eb
