#include "bundler/cli/module_files.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <string_view>

#include "bundler/cli/embedded.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr char kOrigin[] = "envbundle";
// What sites call the modules that bring the same programs or libraries.
constexpr char kUsualConflicts[] = "pytorch cuda cudnn nccl conda anaconda miniconda miniforge";
// What a person looks for, in the order of the help text.
constexpr std::array kPrograms = {"envrun",      "python", "pip", "ipython", "jupyter", "torchrun",
                                  "tensorboard", "nvitop", "git", "vim",     "ssh"};
constexpr size_t kShortList = 4;

using Values = std::map<std::string, std::string>;

bool is_alnum(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

std::string joined(const std::vector<std::string>& items, const char* between) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : between) + item;
  return out;
}

/// Replaces every @KEY@ that `values` has.
std::string filled(std::string_view text, const Values& values) {
  std::string out;
  while (true) {
    const size_t begin = text.find('@');
    const size_t end = begin == std::string_view::npos ? begin : text.find('@', begin + 1);
    if (end == std::string_view::npos) return out.append(text);
    out.append(text.substr(0, begin));
    const auto found = values.find(std::string(text.substr(begin + 1, end - begin - 1)));
    if (found == values.end()) {
      out += '@';
      text.remove_prefix(begin + 1);
    } else {
      out += found->second;
      text.remove_prefix(end + 1);
    }
  }
}

/// Wheels that the manifest names, as module_word() leaves them: nothing needs quoting.
std::vector<const Artifact*> asked_wheels(const Lock& lock) {
  std::vector<const Artifact*> out;
  for (const Artifact& artifact : lock.artifacts) {
    const auto& by = artifact.asked_by;
    if (artifact.kind == ArtifactKind::kWheel &&
        std::find(by.begin(), by.end(), "manifest") != by.end()) {
      out.push_back(&artifact);
    }
  }
  return out;
}

std::vector<std::string> content(const Lock& lock, bool is_short) {
  std::vector<std::string> out;
  std::vector<const Artifact*> wheels = asked_wheels(lock);
  // PyTorch first: it is what people look for in `module spider`.
  std::stable_partition(wheels.begin(), wheels.end(),
                        [](const Artifact* wheel) { return wheel->name.starts_with("torch"); });
  for (const Artifact* wheel : wheels) {
    if (is_short && out.size() == kShortList) break;
    out.push_back(module_word(wheel->name) + " " + module_word(wheel->version));
  }
  if (!lock.python.empty()) out.push_back("Python " + module_word(lock.python));
  if (!lock.cuda.empty()) out.push_back("CUDA " + module_word(lock.cuda));
  return out;
}

std::string help_text(const Lock& lock, const Staging& staging) {
  std::vector<std::string> programs;
  for (const char* name : kPrograms) {
    if (staging.find(RelPath(std::string("bin/") + name)) != nullptr) programs.emplace_back(name);
  }
  const auto has = [&](std::string_view name) {
    return std::find(programs.begin(), programs.end(), name) != programs.end();
  };
  std::string out = module_word(lock.manifest_name) + " " + module_word(lock.version) +
                    ": one relocatable folder, no container.\n";
  if (const auto all = content(lock, false); !all.empty()) {
    out += "\nHolds:    " + joined(all, ",\n          ") + ".\n";
  }
  if (!programs.empty()) out += "\nPrograms: " + joined(programs, ", ") + ".\n";
  if (has("envrun")) out += "          envrun --help shows what this environment does for jobs.\n";
  if (has("torchrun")) {
    out += "Try:      python -c 'import torch; print(torch.cuda.is_available())'\n";
  }
  out +=
      "\nENVBUNDLE_PREFIX is its folder. PYTHONPATH stays as it is, so packages named there come "
      "first;\nLD_LIBRARY_PATH is neither set nor needed. Versions and licences:\n"
      "$ENVBUNDLE_PREFIX/share/envbundle/packages.json, $ENVBUNDLE_PREFIX/share/licenses.";
  return out;
}

std::string spack_externals(const Lock& lock) {
  std::string out =
      "# Externals for Spack: put the prefix in, then add this to packages.yaml:\n"
      "#   sed \"s|@PREFIX@|/opt/dl|\" THIS_FILE\n"
      "packages:\n";
  const auto add = [&](const std::string& name, const std::string& version) {
    out += "  " + name + ":\n    externals:\n    - spec: " + name + "@" + version +
           "\n      prefix: @PREFIX@\n";
  };
  if (!lock.python.empty()) add("python", module_word(lock.python));
  for (const Artifact* wheel : asked_wheels(lock)) {
    add("py-" + module_word(wheel->name), module_word(wheel->version));
  }
  return out;
}

// One folder down, so that EasyBuild finds no lib/ at the top, for which it would set
// LD_LIBRARY_PATH. (Installed with EasyBuild 5.4.1.)
constexpr char kEasyconfig[] =
    R"(# For EasyBuild: call this file @NAME@-@VERSION@.eb. The bundle and the envinstall that lies beside it are the
# sources; nothing is built, and the bundle is checked by its signature.
easyblock = 'Binary'

name = '@NAME@'
version = '@VERSION@'

homepage = 'https://pytorch.org/'
description = """@DESCRIPTION@"""

toolchain = SYSTEM

sources = ['envinstall', '@NAME@.bundle.zst']

install_cmd = 'chmod +x envinstall && ./envinstall @NAME@.bundle.zst --prefix %(installdir)s/env'

sanity_check_paths = {
    'files': [@FILES@],
    'dirs': ['env/releases'],
}

modextrapaths = {'PATH': 'env/bin'}
modextravars = {'ENVBUNDLE_PREFIX': '%(installdir)s/env', 'PYTHONNOUSERSITE': '1'}
modluafooter = 'family("envbundle")'
modtclfooter = 'family envbundle'
moduleclass = 'ai'
)";

}  // namespace

std::string module_word(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool good = is_alnum(c) || std::string_view("._+-").find(c) != std::string_view::npos;
    out += good && !(out.empty() && c == '.') ? c : '-';
  }
  return out.empty() ? "0" : out;
}

std::string easybuild_variable(const std::string& name) {
  std::string out;
  for (const char c : name) {
    if (c == '-') out += "MIN";
    if (c == '+') out += "PLUS";
    if (is_alnum(c) || c == '_') {
      out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

void stage_module_files(const Lock& lock, Staging& staging) {
  const std::string name = module_word(lock.manifest_name);
  const std::string version = module_word(lock.version);
  const std::vector<std::string> about = content(lock, true);
  const std::string description = about.empty() ? name : joined(about, ", ");
  const bool has_python = staging.find(RelPath("bin/python")) != nullptr;
  const Values values = {{"FILES", has_python ? "'env/bin/python'" : ""},
                         {"NAME", name},
                         {"VERSION", version},
                         {"DESCRIPTION", description},
                         {"HELP", help_text(lock, staging)},
                         {"EBNAME", easybuild_variable(name)},
                         {"CONFLICTS", lock.module_conflicts ? joined(*lock.module_conflicts, " ")
                                                             : std::string(kUsualConflicts)}};
  const auto put = [&](const std::string& path, const std::string& text) {
    staging.replace_file(RelPath(path), as_bytes(text), false, kOrigin);
  };
  std::string file = "modulefiles/";
  file.append(name).append("/").append(version);
  put(file, filled(embedded_module_template(ModuleLanguage::kTcl), values));
  put(file + ".lua", filled(embedded_module_template(ModuleLanguage::kLua), values));
  const std::string full = name + "/" + version;
  put("share/envbundle/modulerc", "#%Module1.0\nmodule-version " + full + " default\n");
  if (!about.empty()) put("share/envbundle/spack-packages.yaml", spack_externals(lock));
  put("share/envbundle/easyconfig.eb", filled(kEasyconfig, values));
}

}  // namespace eb
