#include <fcntl.h>

#include <algorithm>

#include "installer/base/error.hpp"
#include "installer/cli/command_line.hpp"
#include "installer/cli/commands.hpp"
#include "installer/cli/report_table.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/receipt.hpp"
#include "installer/install/release_check.hpp"
#include "installer/install/size_text.hpp"

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
  std::vector<ListedRelease> releases;
  for (const std::string& name : view.releases) {
    releases.push_back(read_release(environment.sys, view, name));
  }
  if (output.json) {
    for (const ListedRelease& release : releases) {
      print_record(environment.out, {{"record", "release"},
                                     {"release", release.name},
                                     {"id", release.id},
                                     {"current", release.is_current},
                                     {"version", release.version},
                                     {"bytes", release.bytes},
                                     {"installed", release.installed},
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
                       const std::string& installed) {
    name.resize(name_width, ' ');
    version.resize(version_width, ' ');
    size.insert(0, size_width - std::min(size_width, size.size()), ' ');
    environment.out << (current ? "* " : "  ") << printable(name) << "  " << printable(version)
                    << "  " << size << "  " << installed << "\n";
  };
  row(false, "RELEASE", "VERSION", "SIZE", "INSTALLED");
  for (const ListedRelease& release : releases) {
    row(release.is_current, release.name, release.version, release.size,
        release.installed.empty() ? "unknown" : release.installed);
  }
  return 0;
}

}  // namespace eb
