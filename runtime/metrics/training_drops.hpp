#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eb::metrics {

/// What one rank of a training run said last (envbundle_metrics.py writes it). All of it comes from
/// a file that anybody with the user's rights can write, so everything has a bound.
struct TrainingDrop {
  std::string run;
  unsigned rank = 0;
  std::optional<double> world_size;
  std::optional<double> step;
  std::optional<double> restarts;  ///< of the elastic launcher
  std::optional<double> started;   ///< seconds since 1970
  std::string state;               ///< "running", "finished", "failed"
  std::map<std::string, double> values;
  double modified = 0;  ///< of the file, seconds since 1970
};

inline constexpr size_t kMaxDropBytes = 64U << 10U;
inline constexpr size_t kMaxDrops = 512;          ///< files of a folder that are looked at
inline constexpr size_t kMaxDropValues = 64;      ///< of one drop; the first by name count
inline constexpr size_t kMaxDropNameBytes = 100;  ///< of a run or a value

/// Reads a drop: {"format":1,"run":"…","rank":0,…,"values":{"loss":0.5}}. Unknown keys are passed
/// over, values that are no numbers too; "NaN", "Infinity" and "-Infinity" as text are numbers,
/// because JSON has no words for them and a loss that became NaN is what one wants to see. nullopt
/// when it is no drop.
std::optional<TrainingDrop> parse_drop(std::string_view text);

struct TrainingSample {
  std::vector<TrainingDrop> drops;         ///< sorted by run and rank, each once
  std::map<std::string, size_t> rejected;  ///< by reason
  bool has_folder = false;
};

/// Reads the *.json of `folder`. Of two drops of the same run and rank the newer counts. Those that
/// nobody wrote for `keep_seconds` before `now` are left out without a word: the run is over.
TrainingSample read_drops(const std::string& folder, double now, double keep_seconds);

/// Where drops lie when nobody says: ENVBUNDLE_TRAINING_DIR, else
/// ${XDG_STATE_HOME:-$HOME/.local/state}/envbundle/training/HOST, else (no HOME)
/// /tmp/envbundle-UID/training. HOST is there because a home is often one for all nodes.
std::string default_training_folder(const std::string& host);

}  // namespace eb::metrics
