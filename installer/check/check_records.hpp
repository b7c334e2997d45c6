#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eb {

// What the check programs of a release (runtime/gpu) write to standard output: one record a line,
// fields separated by a tab, the first is the kind. The programs run below a driver that may crash
// or overwrite them, so everything here has a bound, and what is not understood is counted and
// passed over.
//
//   step NAME LIMIT_SECONDS · figure KEY VALUE UNIT · note TEXT · ok SECONDS · skip REASON
//   fail API CODE TEXT · gpu ORDINAL NAME UUID PCI CAPABILITY MEMORY_BYTES · map PATH · end

enum class StepState { kOk, kSkipped, kFailed, kTimedOut, kCrashed, kNotRun };
/// "ok", "skipped", "failed", "timed-out", "crashed", "not-run".
const char* step_state_name(StepState state);

/// Something measured or read. The unit is "-" when there is none.
struct StepFigure {
  std::string key;
  std::string value;
  std::string unit;
};

/// `api`: driver, runtime, cublas, cudnn, nccl, loader, compare, torch, system, or what else a
/// newer program says. The code is that API's own; 0 = it has none.
struct StepFailure {
  std::string api;
  int64_t code = 0;
  std::string text;
};

struct CheckStep {
  std::string name;
  StepState state = StepState::kNotRun;
  double seconds = 0;        ///< as the program says; for a step that was cut off 0
  double limit_seconds = 0;  ///< as the program asks for
  std::vector<StepFigure> figures;
  std::vector<std::string> notes;
  StepFailure failure;           ///< kFailed
  std::string skip_reason;       ///< kSkipped
  int signal = 0;                ///< kCrashed: what ended the process; 0 = it ended by itself
  std::optional<int> exit_code;  ///< kCrashed, when it ended by itself
};

/// A GPU as the driver API shows it. Text is as the driver says; empty = not said.
struct CheckGpu {
  int ordinal = 0;  ///< CUDA's
  std::string name;
  std::string uuid;
  std::string pci;
  std::string capability;  ///< "9.0"
  uint64_t memory_bytes = 0;
};

struct CheckRecords {
  std::vector<CheckStep> steps;
  std::vector<CheckGpu> gpus;
  std::vector<std::string> maps;   ///< raw bytes, as /proc/self/maps shows them
  std::vector<std::string> notes;  ///< outside of any step
  bool ended = false;              ///< `end` was read
  size_t rubbish = 0;              ///< lines that are records only in part, or over a bound
};

/// How the process that wrote the records ended.
struct ProgramEnd {
  bool timed_out = false;
  bool stopped = false;  ///< a person stopped it: what was open was not run
  int signal = 0;
  std::optional<int> exit_code = {};
};

/// Reads records in the order they come. Text fields are made printable (UTF-8 without control
/// characters) and cut at kMaxTextBytes. Never throws but for memory.
class RecordReader {
 public:
  static constexpr size_t kMaxSteps = 64;
  static constexpr size_t kMaxFigures = 64;  ///< a step
  static constexpr size_t kMaxNotes = 32;    ///< a step
  static constexpr size_t kMaxGpus = 64;
  static constexpr size_t kMaxMaps = 1024;
  static constexpr size_t kMaxTextBytes = 2048;
  static constexpr size_t kMaxPathBytes = 8192;
  static constexpr double kDefaultLimitSeconds = 60;
  static constexpr double kMaxLimitSeconds = 3600;

  enum class Kind { kStepBegan, kStepEnded, kEnd, kOther };
  /// `line` without its newline.
  Kind read(std::string_view line);

  /// The step that began last; nullptr before the first.
  const CheckStep* last_step() const {
    return records_.steps.empty() ? nullptr : &records_.steps.back();
  }
  /// What was read. A step that is open is judged by how the process ended: at the deadline it
  /// timed out, otherwise it crashed, also when the process ended by itself.
  CheckRecords finish(const ProgramEnd& end) &&;

 private:
  CheckStep* open_step();
  Kind end_step(StepState state);
  Kind rubbish();

  CheckRecords records_;
  bool is_open_ = false;
};

/// "SIGSEGV"; "signal 77" for one without a name.
std::string signal_text(int signal);

}  // namespace eb
