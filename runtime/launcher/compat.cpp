#include "runtime/launcher/compat.hpp"

#include "runtime/launcher/compat_note.hpp"
#include "runtime/launcher/compat_rule.hpp"
#include "runtime/launcher/folder.hpp"
#include "runtime/launcher/image.hpp"
#include "runtime/launcher/locate.hpp"
#include "runtime/launcher/system.hpp"

namespace eb::launcher {
namespace {

constexpr size_t kMaxTextBytes = 4096;  // a page: no file of /sys has more, the others have less

/// Of the kernel's driver; empty when none is loaded. The module shows it in /sys; a driver that is
/// built in only in /proc.
View host_version() {
  const View version = find_version(read_text("/sys/module/nvidia/version", kMaxTextBytes));
  if (!version.empty()) return version;
  const View text = read_text("/proc/driver/nvidia/version", kMaxTextBytes);
  const View prefix = "NVRM version:";
  return text.begins_with(prefix) ? find_version(text.from(prefix.size)) : View();
}

/// `Model` of every GPU that the driver shows to this process, one a line.
View gpu_models() {
  const char* out = "";
  const View gpus = "/proc/driver/nvidia/gpus";
  for_each_name(gpus.data, [&](View name) {
    if (name[0] == '.') return;
    View rest = read_text(joined({gpus, "/", name, "/information"}), kMaxTextBytes);
    for (View line; next_part(&rest, '\n', &line);) {
      const View label = "Model:";
      if (line.begins_with(label)) out = joined({out, line.from(label.size).trimmed(), "\n"});
    }
  });
  return out;
}

}  // namespace

Compat find_compat(View root, char* const* envp, bool trust_environment) {
  const char* folder = joined({root, "/lib/cuda-compat"});
  if (access(folder, 0) < 0) return {};
  const char* library = joined({folder, "/libcuda.so.1"});
  long error = 0;
  const char* file = real_path(library, &error);
  if (file == nullptr || !is_usable(file)) {
    return {nullptr, joined({"not used: no library of this machine: ", library})};
  }
  const char* wish = trust_environment ? variable(envp, "ENVLAUNCH_COMPAT") : nullptr;
  CompatFacts facts;
  facts.library = base_name(file);
  facts.note = find_note(map_file(file));
  facts.host = host_version();
  facts.models = gpu_models();
  facts.wsl = access("/dev/dxg", 0) == 0;
  facts.wish = wish == nullptr ? View() : View(wish);
  const CompatDecision decision = decide_compat(facts);
  return {decision.use ? folder : nullptr,
          joined({decision.use ? "used: " : "not used: ", decision.why})};
}

}  // namespace eb::launcher
