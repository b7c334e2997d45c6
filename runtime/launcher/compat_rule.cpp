#include "runtime/launcher/compat_rule.hpp"

#include "runtime/launcher/compat_note.hpp"

namespace eb::launcher {
namespace {

constexpr uint32_t kBrandGeForce = 5, kBrandTitan = 6;  // nvmlBrandType_t

/// Two or three numbers; a third that is missing counts as 0.
struct Version {
  uint32_t part[3] = {0, 0, 0};

  bool known() const { return part[0] != 0; }
  bool is_newer_than(const Version& other) const {
    for (int i = 0; i < 3; ++i) {
      if (part[i] != other.part[i]) return part[i] > other.part[i];
    }
    return false;
  }
};

/// Not known when `text` is no driver version: at least three digits, then one or two groups more.
Version read_version(View text) {
  Version out;
  size_t at = 0;
  for (int i = 0; i < 3; ++i) {
    const size_t start = at;
    while (at < text.size && at - start < 6 && text[at] >= '0' && text[at] <= '9') {
      out.part[i] = out.part[i] * 10 + static_cast<uint32_t>(text[at++] - '0');
    }
    if (at - start < (i == 0 ? 3 : 1)) return {};
    if (at == text.size) return i == 0 ? Version{} : out;
    if (text[at++] != '.') return {};
  }
  return {};
}

/// The driver branch that brought a CUDA version. Only asked when a compat libcuda does not bear
/// its version in its file name; a CUDA version that is not here leaves it unknown. NVIDIA's
/// redistrib manifests, and what nvidia-smi shows (565, 615); as of 2026-09.
uint32_t branch_of_cuda(uint32_t major, uint32_t minor) {
  constexpr uint16_t k11[] = {450, 455, 460, 465, 470, 495, 510, 515, 520};
  constexpr uint16_t k12[] = {525, 530, 535, 545, 550, 555, 560, 565, 570, 575};
  constexpr uint16_t k13[] = {580, 590, 595, 610, 615};
  if (major == 11 && minor < sizeof k11 / sizeof k11[0]) return k11[minor];
  if (major == 12 && minor < sizeof k12 / sizeof k12[0]) return k12[minor];
  if (major == 13 && minor < sizeof k13 / sizeof k13[0]) return k13[minor];
  return 0;
}

/// Of "libcuda.so.575.57.08"; empty for a name without a driver version (libcuda.so.1.1).
View version_in_name(View name) {
  const View prefix = "libcuda.so.";
  if (!name.begins_with(prefix)) return {};
  const View version = name.from(prefix.size);
  return read_version(version).known() ? version : View();
}

/// The first model that the library is not made for; empty when there is none.
View foreign_model(View models, const CompatNote& note) {
  for (View model; next_part(&models, '\n', &model);) {
    const bool geforce = model.contains("GeForce") && !has_number(note.devices, kBrandGeForce);
    const bool titan = model.contains("TITAN") && !has_number(note.devices, kBrandTitan);
    if (geforce || titan) return model;
  }
  return {};
}

CompatDecision no(std::initializer_list<View> why) { return {false, joined(why)}; }

}  // namespace

CompatDecision decide_compat(const CompatFacts& facts) {
  if (facts.wish == "off") return no({"ENVLAUNCH_COMPAT=off"});
  if (facts.wish == "on") return {true, "ENVLAUNCH_COMPAT=on"};
  if (facts.wsl) return no({"under WSL the driver is that of Windows"});
  const Version host = read_version(facts.host);
  if (!host.known()) return no({"no version of an NVIDIA kernel driver can be read here"});

  const bool has_note = facts.note.data != nullptr;
  CompatNote note;
  if (has_note) {
    note = read_note(facts.note);
    if (!note.understood) return no({"its ELF note cannot be understood"});
  }
  View name = version_in_name(facts.library);
  Version own = read_version(name);
  if (!own.known()) {
    own.part[0] = branch_of_cuda(note.cuda_major, note.cuda_minor);
    if (!own.known()) return no({"its version cannot be told from its name ", facts.library});
    name = joined({"R", decimal(own.part[0])});
  }
  const bool listed = !note.drivers.empty();
  const bool newer = listed ? own.is_newer_than(host) : own.part[0] > host.part[0];
  if (!newer) {
    return no({"the host's driver ", facts.host,
               listed ? " is not older than " : " is not of an older branch than ", name});
  }
  if (listed && !has_number(note.drivers, host.part[0])) {
    return no({name, " does not list the host's driver branch ", decimal(host.part[0])});
  }
  const View model = foreign_model(facts.models, note);
  if (!model.empty()) return no({name, " is not made for this GPU: ", model});
  return {true, joined({name, " is newer than the host's driver ", facts.host,
                        listed ? " and lists its branch" : ""})};
}

View find_version(View text) {
  if (text.empty()) return {};
  View line = text.first(text.index_of('\n'));
  while (!line.empty()) {
    line = line.trimmed();
    size_t end = 0;
    while (end < line.size && line[end] != ' ' && line[end] != '\t') ++end;
    if (read_version(line.first(end)).known()) return line.first(end);
    line = line.from(end);
  }
  return {};
}

}  // namespace eb::launcher
