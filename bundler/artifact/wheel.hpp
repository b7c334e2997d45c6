#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bundler/artifact/entry_points.hpp"
#include "bundler/artifact/wheel_name.hpp"
#include "bundler/artifact/wheel_record.hpp"
#include "bundler/artifact/zip_file.hpp"

namespace eb {

/// A wheel whose structure and metadata were checked on opening (binary-distribution-format; FAULTS
/// F047–F060, F064): one dist-info folder that fits the file name, a Wheel-Version of major 1,
/// METADATA of the same project, a RECORD that lists every file but itself and its signatures, with
/// a hash. Content is compared with RECORD where it is read (wheel_install.hpp).
class Wheel {
 public:
  /// `file_name` is the wheel's own name, `path` where it lies; `name` is what errors call it
  /// ("numpy 2.3.1"), empty: `file_name`.
  Wheel(const std::filesystem::path& path, const std::string& file_name,
        const std::string& name = "");

  const ZipFile& zip() const { return zip_; }
  const WheelName& file_name() const { return file_name_; }
  /// "numpy-2.3.1.dist-info"; its name need not be normalised.
  const std::string& dist_info() const { return dist_info_; }
  /// A field of METADATA, the first of that name; "" when absent. Names compare without case.
  std::string metadata(std::string_view field) const;
  const std::vector<EntryPoint>& entry_points() const { return entry_points_; }
  /// By the entry's name in the archive; nullptr for RECORD and its signatures.
  const RecordHash* record_hash_of(std::string_view entry) const;
  /// Oddities that are no errors, a sentence each.
  const std::vector<std::string>& warnings() const { return warnings_; }

  /// RECORD, RECORD.jws and RECORD.p7s of the dist-info folder.
  bool is_exempt_from_record(std::string_view entry) const;

 private:
  void find_dist_info();
  void read_wheel_file();
  void read_metadata();
  void read_record();
  std::string read_required(const std::string& file) const;
  [[noreturn]] void fail(std::string_view entry, std::string what, std::string why) const;

  ZipFile zip_;
  WheelName file_name_;
  std::string dist_info_;
  std::string metadata_;
  std::vector<EntryPoint> entry_points_;
  std::map<std::string, RecordHash, std::less<>> record_;
  std::vector<std::string> warnings_;
};

}  // namespace eb
