#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bundler/artifact/wheel_record.hpp"
#include "tests/support/zip_maker.hpp"

namespace eb::test {

/// A wheel in the making: what is not given is as it should be. RECORD is made of the files unless
/// `record` is set; its lines for `unrecorded` files are left out.
struct WheelMaker {
  std::string name = "demo";
  std::string version = "1.0";
  std::vector<ZipMember> files{};
  std::string wheel = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
  std::optional<std::string> metadata{}, record{}, entry_points{}, dist_info{};
  std::vector<std::string> unrecorded{};
  std::string extra_record{};

  std::string file_name() const { return name + "-" + version + "-py3-none-any.whl"; }

  std::string build() const {
    const std::string folder = dist_info.value_or(name + "-" + version + ".dist-info");
    ZipMaker zip{.members = files};
    zip.members.push_back(
        {.name = folder + "/METADATA",
         .content = metadata.value_or("Metadata-Version: 2.1\nName: " + name +
                                      "\nVersion: " + version + "\n\nName: not this\n")});
    zip.members.push_back({.name = folder + "/WHEEL", .content = wheel});
    if (entry_points) {
      zip.members.push_back({.name = folder + "/entry_points.txt", .content = *entry_points});
    }
    std::string lines;
    for (const ZipMember& file : zip.members) {
      if (file.name.ends_with('/')) continue;
      if (std::find(unrecorded.begin(), unrecorded.end(), file.name) != unrecorded.end()) continue;
      lines += format_record_line({file.name, record_hash(sha256(as_bytes(file.content))),
                                   std::to_string(file.content.size())});
    }
    lines += extra_record + folder + "/RECORD,,\n";
    zip.members.push_back({.name = folder + "/RECORD", .content = record.value_or(lines)});
    return zip.build();
  }
};

}  // namespace eb::test
