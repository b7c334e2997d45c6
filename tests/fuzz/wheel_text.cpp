#include <algorithm>

#include "bundler/artifact/entry_points.hpp"
#include "bundler/artifact/wheel_name.hpp"
#include "bundler/artifact/wheel_record.hpp"
#include "installer/base/rel_path.hpp"
#include "tests/fuzz/fuzz_target.hpp"

// The texts of a wheel: RECORD, entry_points.txt, a file name, versions.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace eb;
  const std::string_view text = as_text(fuzz::bytes_of(data, size));
  fuzz::accepts(
      [&] {
        std::string written;
        const auto lines = parse_record(text, "fuzz", "RECORD");
        for (const RecordLine& line : lines) written += format_record_line(line);
        const auto again = parse_record(written, "fuzz", "RECORD");
        fuzz::require(again.size() == lines.size(), "RECORD keeps its lines");
        for (size_t i = 0; i < lines.size(); ++i) {
          fuzz::require(again[i].path == lines[i].path && again[i].hash == lines[i].hash &&
                            again[i].size == lines[i].size,
                        "RECORD keeps its fields");
          RecordHash hash;
          std::string why;
          fuzz::require(parse_record_hash(lines[i].hash, hash, why) || !why.empty(),
                        "a refused hash has a reason");
        }
      },
      ExitCode::kInvalidLock);
  fuzz::accepts(
      [&] {
        for (const EntryPoint& each : parse_entry_points(text, "fuzz", "entry_points.txt")) {
          fuzz::require(!RelPath::problem(each.name) && each.name.find('/') == std::string::npos,
                        "programs stay in bin");
          const std::string script = entry_point_script(each);
          fuzz::require(std::count(script.begin(), script.end(), '\n') == 9,
                        "no name adds a line to the program");
        }
      },
      ExitCode::kInvalidLock);
  fuzz::accepts([&] { parse_wheel_name(text); }, ExitCode::kInvalidLock);
  const size_t middle = size / 2;
  fuzz::require(same_version(text.substr(0, middle), text.substr(middle)) ==
                    same_version(text.substr(middle), text.substr(0, middle)),
                "being the same version is symmetric");
  return 0;
}
