#include <fcntl.h>

#include <algorithm>

#include "installer/base/error.hpp"
#include "installer/base/utc_text.hpp"
#include "installer/cli/command_line.hpp"
#include "installer/cli/commands.hpp"
#include "installer/cli/report_table.hpp"
#include "installer/install/gc.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/receipt.hpp"
#include "installer/install/release_check.hpp"
#include "installer/install/rollback.hpp"
#include "installer/install/size_text.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
namespace {

struct ListedRelease {
  std::string name;
  std::string id;
  std::string version;
  std::string size;
  std::string installed;
  uint64_t bytes = 0;
  bool is_current = false;
  bool is_previous = false;
  ReleaseUse use;
  std::string damage;  ///< why the index cannot be read; empty = it can
};

ListedRelease read_release(Sys& sys, const PrefixView& view, const std::string& name) {
  ListedRelease out;
  out.name = name;
  out.is_current = view.current == name;
  const std::string below = std::string(kReleasesDir) + "/" + name;
  try {
    const Index index = read_release_index(sys, view.dir.get(), below, view.path, &out.id);
    const auto version = index.meta.find(meta_key::kVersion);
    out.version = version == index.meta.end() ? "" : version->second;
    out.bytes = totals(index).file_bytes;
    out.size = size_text(out.bytes);
  } catch (const Error& error) {
    out.damage = error.why().empty() ? error.what() : error.why();
    out.size = "damaged";
  }
  if (const auto receipt = read_receipt(sys, view.dir.get(), below)) {
    out.installed = utc_text(receipt->installed);
  }
  return out;
}

// "active", "previous", and who uses it.
std::string state_text(const ListedRelease& release) {
  std::string out = release.is_current ? "active" : release.is_previous ? "previous" : "";
  if (release.use.any()) {
    out += (out.empty() ? "in use: " : ", in use: ") + release.use.text();
  }
  return out;
}

Json use_json(const ReleaseUse& use) {
  Json out = {{"processes", Json::array()}, {"leases", Json::array()}};
  for (const UsingProcess& process : use.processes) {
    out["processes"].push_back({{"pid", process.pid}, {"name", process.name}});
  }
  for (const LivingLease& lease : use.leases) {
    out["leases"].push_back({{"node", lease.node},
                             {"pid", lease.pid},
                             {"what", lease.what},
                             {"age_seconds", lease.age_seconds},
                             {"certain", lease.is_certain}});
  }
  return out;
}

// Which one 'rollback' would go back to.
std::string previous_release(Sys& sys, const PrefixView& view) {
  std::vector<std::string> others = view.releases;
  if (view.current) std::erase(others, *view.current);
  if (!view.current || others.empty()) return {};
  if (others.size() == 1) return others.front();
  const std::string log = std::string(kStateDir) + "/log";
  return active_before(read_small_file(sys, view.dir.get(), log, 16u << 20).value_or(""),
                       *view.current, view.releases);
}

}  // namespace

int list_command(const std::vector<std::string>& arguments, Environment& environment) {
  std::string path;
  OutputOptions output;
  CommandLine line("list");
  line.app().add_option("PREFIX", path);
  output.add_to(line.app());
  if (!line.parse(arguments, environment)) return 0;
  if (path.empty()) {
    throw Error(ExitCode::kUsage, "no prefix is named").hint("envinstall list PREFIX");
  }
  const PrefixView view = open_prefix(environment.sys, path);
  const Host host = read_host(environment.sys, environment.variable("HOME"), environment.root);
  UseReport use = find_use(environment.sys, view, host, GcOptions().older_than_seconds);
  const std::string previous = previous_release(environment.sys, view);
  std::vector<ListedRelease> releases;
  for (const std::string& name : view.releases) {
    ListedRelease release = read_release(environment.sys, view, name);
    release.is_previous = name == previous;
    release.use = std::move(use.releases[name]);
    releases.push_back(std::move(release));
  }
  if (output.json) {
    for (const ListedRelease& release : releases) {
      print_record(environment.out, {{"record", "release"},
                                     {"release", release.name},
                                     {"id", release.id},
                                     {"current", release.is_current},
                                     {"previous", release.is_previous},
                                     {"version", release.version},
                                     {"bytes", release.bytes},
                                     {"installed", release.installed},
                                     {"in_use", use_json(release.use)},
                                     {"damage", release.damage}});
    }
    return 0;
  }
  if (releases.empty()) {
    environment.out << "no release is installed in " << printable(view.path) << "\n";
    return 0;
  }
  const auto widest = [&](auto member, size_t least) {
    for (const ListedRelease& release : releases) {
      least = std::max(least, (release.*member).size());
    }
    return least;
  };
  const size_t name_width = widest(&ListedRelease::name, 7);
  const size_t version_width = widest(&ListedRelease::version, 7);
  const size_t size_width = widest(&ListedRelease::size, 4);
  const auto row = [&](bool current, std::string name, std::string version, std::string size,
                       std::string installed, const std::string& state) {
    name.resize(name_width, ' ');
    version.resize(version_width, ' ');
    if (!state.empty()) installed.resize(22, ' ');
    size.insert(0, size_width - std::min(size_width, size.size()), ' ');
    environment.out << (current ? "* " : "  ") << printable(name) << "  " << printable(version)
                    << "  " << size << "  " << installed << printable(state) << "\n";
  };
  row(false, "RELEASE", "VERSION", "SIZE", "INSTALLED", "STATE");
  for (const ListedRelease& release : releases) {
    row(release.is_current, release.name, release.version, release.size,
        release.installed.empty() ? "unknown" : release.installed, state_text(release));
  }
  return 0;
}

}  // namespace eb
