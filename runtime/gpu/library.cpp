#include "runtime/gpu/library.hpp"

#include <dlfcn.h>
#include <link.h>

#include <cstdlib>

#include "runtime/gpu/outcome.hpp"

namespace eb::gpu {
namespace {

std::string loader_text() {
  const char* text = dlerror();
  return text != nullptr ? text : "the loader gives no reason";
}

}  // namespace

Library Library::open(const std::string& name) {
  Library out;
  out.handle_ = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (out.handle_ == nullptr) throw Failure{"loader", 0, loader_text()};
  return out;
}

void* Library::needed(const char* name) const {
  void* const address = found(name);
  if (address == nullptr) throw Failure{"loader", 0, loader_text()};
  return address;
}

void* Library::found(const char* name) const {
  dlerror();
  return dlsym(handle_, name);
}

std::string Library::real_path() const {
  struct link_map* map = nullptr;
  if (dlinfo(handle_, RTLD_DI_LINKMAP, &map) != 0 || map == nullptr) return {};
  char* const path = realpath(map->l_name, nullptr);
  if (path == nullptr) return map->l_name;
  std::string out(path);
  std::free(path);
  return out;
}

}  // namespace eb::gpu
