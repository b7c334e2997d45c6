#include "installer/install/check_files.hpp"

#include "installer/base/file.hpp"
#include "installer/install/small_file.hpp"

namespace eb {

std::string check_file_name(const std::string& release, const char* suffix) {
  return "check-" + release + suffix;
}

void keep_check_report(Sys& sys, int state, const std::string& release, const std::string& text,
                       const std::string& json, const std::string& where) {
  const auto keep = [&](const char* suffix, const std::string& content) {
    const std::string name = check_file_name(release, suffix);
    const std::string temporary = ".check." + random_name();
    replace_file_at(sys, state, name.c_str(), temporary.c_str(), as_bytes(content), 0644,
                    where + "/" + name);
  };
  keep(".txt", text);
  keep(".json", json);
}

void remove_check_report(Sys& sys, int state, const std::string& release) noexcept {
  for (const char* suffix : {".txt", ".json"}) {
    try {
      sys.unlinkat(state, check_file_name(release, suffix).c_str(), 0);
    } catch (const std::exception&) {
      // A report that stays behind misleads nobody: it names its release.
    }
  }
}

}  // namespace eb
