// The program behind a launcher in the tests: says as JSON what it was started with.
//
//   probe [--exit N] [--load LIBRARY]... [--where LIBRARY]... [anything else]
//
// --load says whether the library can be loaded, --where under which path the loader found it (also
// where there is no /proc to show what is mapped).

#include <dlfcn.h>
#include <link.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

extern char** environ;

namespace {

void print_string(const char* text) {
  std::putchar('"');
  for (const char* at = text; *at != '\0'; ++at) {
    const auto c = static_cast<unsigned char>(*at);
    if (c < 0x20 || c == '"' || c == '\\') {
      std::printf("\\u%04x", c);
    } else {
      std::putchar(c);
    }
  }
  std::putchar('"');
}

void print_place(const char* library) {
  void* const handle = dlopen(library, RTLD_NOW);
  link_map* found = nullptr;
  if (handle == nullptr || dlinfo(handle, RTLD_DI_LINKMAP, static_cast<void*>(&found)) != 0) {
    std::printf("null");
  } else {
    print_string(found->l_name);
  }
}

void print_list(const char* name, char** list) {
  std::printf("\"%s\": [", name);
  for (char** at = list; *at != nullptr; ++at) {
    if (at != list) std::putchar(',');
    print_string(*at);
  }
  std::printf("],\n");
}

void print_mapped() {
  std::printf("\"mapped\": [\"\"");
  if (std::FILE* maps = std::fopen("/proc/self/maps", "r"); maps != nullptr) {
    char line[8192];
    while (std::fgets(line, sizeof line, maps) != nullptr) {
      line[std::strcspn(line, "\n")] = '\0';
      const char* path = std::strchr(line, '/');
      if (path == nullptr) continue;
      std::putchar(',');
      print_string(path);
    }
    std::fclose(maps);
  }
  std::printf("],\n");
}

}  // namespace

int main(int argc, char** argv) {
  int status = 0;
  std::printf("{");
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--exit") == 0 && i + 1 < argc) status = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--where") == 0 && i + 1 < argc) {
      std::printf("\"where %s\": ", argv[i + 1]);
      print_place(argv[i + 1]);
      std::printf(",\n");
    }
    if (std::strcmp(argv[i], "--load") == 0 && i + 1 < argc) {
      print_string(argv[i + 1]);
      std::printf(": %s,\n", dlopen(argv[i + 1], RTLD_NOW) != nullptr ? "true" : "false");
    }
  }
  print_list("argv", argv);
  print_list("env", environ);
  print_mapped();
  std::printf("\"end\": true}\n");
  return status;
}
