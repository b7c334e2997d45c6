#include "bundler/stage/debian_python.hpp"

#include <string>

#include "bundler/stage/debian_layout.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr std::string_view kOrigin = "envbundle";
constexpr std::string_view kLibrary = "lib/python3.11/";

// The text that pip shows for `pip install` outside of a venv (PEP 668).
constexpr std::string_view kExternallyManaged = R"([externally-managed]
Error=This environment was installed as one signed whole and is not changed in
 place. Make an environment of your own on top of it:

    python -m venv --system-site-packages DIR
    DIR/bin/pip install PACKAGE

 It sees all packages of this one. To change this one, change its manifest and
 build a new bundle.
)";

// Only for the layout of Debian's packages, or of use on a Debian system alone.
constexpr std::string_view kRemoved[] = {"_distutils_system_mod.py", "sitecustomize.py",
                                         "EXTERNALLY-MANAGED"};

RelPath in_library(std::string_view name) { return RelPath(std::string(kLibrary).append(name)); }

Error misfit(const PythonEdit& edit, std::string why) {
  return Error(ExitCode::kInvalidLock, "this Python is not the one that the edits are written for")
      .where(std::string(kLibrary).append(edit.file))
      .why(std::move(why))
      .hint("the edit is there because: " + std::string(edit.reason))
      .hint(
          "a newer package changed the file; adapt bundler/stage/debian_python_edits.cpp, or lock "
          "the version before");
}

void apply(const PythonEdit& edit, Staging& staging) {
  const RelPath path = in_library(edit.file);
  const Staging::Item* item = staging.find(path);
  if (item == nullptr) {
    if (edit.optional) return;
    throw misfit(edit, "the file is missing");
  }
  const bool executable = item->executable;
  const std::vector<std::byte> content = staging.read(path);
  const std::string_view text = as_text(content);
  const size_t at = text.find(edit.find);
  if (at == std::string_view::npos) throw misfit(edit, "the text to replace is not in it");
  if (text.find(edit.find, at + 1) != std::string_view::npos) {
    throw misfit(edit, "the text to replace is in it more than once");
  }
  std::string changed(text.substr(0, at));
  changed.append(edit.replace).append(text.substr(at + edit.find.size()));
  staging.replace_file(path, as_bytes(changed), executable, kOrigin);
}

void link(std::string_view from, std::string_view to, Staging& staging) {
  const RelPath link("bin/" + std::string(from));
  if (staging.find(RelPath("bin/" + std::string(to))) == nullptr) return;
  if (staging.find(link) == nullptr) staging.add_symlink(link, to, kOrigin);
}

}  // namespace

void edit_python(Staging& staging) {
  if (staging.find(in_library("os.py")) == nullptr) return;
  for (const PythonEdit& edit : python_edits()) apply(edit, staging);
  for (const std::string_view name : kRemoved) {
    if (staging.find(in_library(name)) != nullptr) staging.remove(in_library(name));
  }
  staging.replace_file(in_library("EXTERNALLY-MANAGED"), as_bytes(kExternallyManaged), false,
                       kOrigin);
  link("python3", "python3.11", staging);
  link("python", "python3.11", staging);
  link("pydoc3", "pydoc3.11", staging);
  link("pydoc", "pydoc3.11", staging);
}

}  // namespace eb
