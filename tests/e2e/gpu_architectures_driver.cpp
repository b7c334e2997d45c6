// Prints the GPU code of libraries as bundler/demand reads it: what gpu_architectures.py compares
// with cuobjdump.
//
//   gpu_architectures_driver FILE...
//
// A line is FILE, SECTION, KIND, ARCHITECTURE and the number of entries, separated by tabs, for
// each architecture; KIND is "sass" or "ptx". For each file also FILE, "main", "sass" or "ptx", and
// the architectures that count in a bundle; and FILE, "skipped", and the bytes that were not
// understood. Exit code 0 unless a file cannot be read or is no ELF file.

#include <cstdio>
#include <string>

#include "bundler/demand/library_code.hpp"
#include "installer/base/error.hpp"

namespace {

using Entries = std::map<eb::GpuArchitecture, uint64_t>;

void print_entries(const char* file, const char* section, const char* kind,
                   const Entries& entries) {
  for (const auto& [architecture, count] : entries) {
    std::printf("%s\t%s\t%s\t%s\t%llu\n", file, section, kind, architecture.str().c_str(),
                static_cast<unsigned long long>(count));
  }
}

void print_main(const char* file, const char* kind, const eb::GpuCode& code,
                const Entries& entries) {
  std::string text;
  for (const eb::GpuArchitecture& each : eb::main_architectures(code, entries)) {
    text += (text.empty() ? "" : " ") + each.str();
  }
  std::printf("%s\tmain\t%s\t%s\n", file, kind, text.c_str());
}

void print(const char* file, const eb::LibraryCode& code) {
  print_entries(file, ".nv_fatbin", "sass", code.loadable.sass);
  print_entries(file, ".nv_fatbin", "ptx", code.loadable.ptx);
  print_entries(file, "__nv_relfatbin", "sass", code.relocatable.sass);
  print_entries(file, "__nv_relfatbin", "ptx", code.relocatable.ptx);
  print_main(file, "sass", code.loadable, code.loadable.sass);
  print_main(file, "ptx", code.loadable, code.loadable.ptx);
  const unsigned long long skipped = code.loadable.skipped_bytes + code.relocatable.skipped_bytes;
  std::printf("%s\tskipped\t%llu\n", file, skipped);
}

}  // namespace

int main(int argc, char** argv) {
  int failed = argc < 2 ? 2 : 0;
  for (int i = 1; i < argc; ++i) {
    try {
      const auto code = eb::read_library_code(argv[i]);
      if (code) {
        print(argv[i], *code);
      } else {
        std::fprintf(stderr, "%s: not an ELF file\n", argv[i]);
        failed = 1;
      }
    } catch (const eb::Error& error) {
      std::fputs(eb::render_error("gpu_architectures_driver", error).c_str(), stderr);
      failed = 1;
    }
  }
  return failed;
}
