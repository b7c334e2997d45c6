#include "bundler/lock/pylock.hpp"

#include <algorithm>
#include <map>

#include "bundler/artifact/wheel_name.hpp"
#include "bundler/manifest/python_version.hpp"
#include "bundler/manifest/requirement.hpp"
#include "bundler/manifest/table_reader.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

std::string url_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](size_t at) {
      const char c = at < text.size() ? text[at] : 'x';
      if (c >= '0' && c <= '9') return c - '0';
      if (c >= 'a' && c <= 'f') return c - 'a' + 10;
      if (c >= 'A' && c <= 'F') return c - 'A' + 10;
      return -1;
    };
    if (text[i] == '%' && digit(i + 1) >= 0 && digit(i + 2) >= 0) {
      out += static_cast<char>(digit(i + 1) * 16 + digit(i + 2));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string last_component(std::string_view place, bool is_path) {
  if (!is_path) place = place.substr(0, place.find_first_of("?#"));
  const std::string_view name = place.substr(place.rfind('/') + 1);
  return is_path ? std::string(name) : url_decoded(name);
}

void read_hashes(TableReader& table, PylockWheel& out) {
  auto hashes = table.table("hashes");
  if (!hashes) return;
  for (const char* weak : {"md5", "sha1", "sha224"}) {
    if (hashes->has(weak))
      out.weak_digests += (out.weak_digests.empty() ? "" : ", ") + std::string(weak);
  }
  const auto digest = hashes->string("sha256");
  if (!digest) return;
  try {
    out.digest = Sha256::from_hex(*digest);
  } catch (const Error&) {
    throw hashes->error("sha256", "'sha256' is not a SHA-256 digest")
        .why("expected 64 hexadecimal digits, got " + toml_string(*digest));
  }
}

PylockWheel read_wheel(TableReader& table) {
  PylockWheel out;
  const auto path = table.string("path");
  const auto url = table.string("url");
  if (!path && !url) throw table.error("url", "a wheel needs 'url' or 'path'");
  out.is_path = path.has_value();
  out.place = path ? *path : *url;
  out.file_name = table.string("name").value_or(last_component(out.place, out.is_path));
  if (const auto size = table.integer("size")) {
    if (*size < 0) throw table.error("size", "'size' is negative");
    out.size_bytes = static_cast<uint64_t>(*size);
  }
  if (const TomlValue* time = table.value("upload-time")) out.upload_time = time->text;
  read_hashes(table, out);
  return out;
}

PylockPackage read_package(TableReader& table) {
  PylockPackage out;
  out.name = normalise_name(table.required_string("name"));
  out.version = table.string("version").value_or("");
  out.marker = table.string("marker").value_or("");
  out.requires_python = table.string("requires-python").value_or("");
  for (auto& wheel : table.tables("wheels")) out.wheels.push_back(read_wheel(wheel));
  size_t sources = out.wheels.empty() && !table.has("sdist") ? 0 : 1;
  for (const char* source : {"vcs", "directory", "archive"}) {
    if (!table.has(source)) continue;
    ++sources;
    out.other_source = source;
  }
  if (out.wheels.empty() && table.has("sdist")) out.other_source = "sdist";
  if (sources != 1) {
    throw table.error("name", "package '" + out.name + "' needs exactly one source")
        .why("one of vcs, directory, archive, or wheels and sdist");
  }
  return out;
}

void check_lock_version(TableReader& top, const std::string& file) {
  const auto version = top.string("lock-version");
  if (!version) {
    throw Error(ExitCode::kInvalidLock, "not a pylock.toml")
        .where(file)
        .why("it has no 'lock-version'");
  }
  if (*version != "1" && !version->starts_with("1.")) {
    throw top.error("lock-version", "a pylock.toml of another major version")
        .why("expected 1.0, got " + *version);
  }
}

bool satisfies_python(const std::string& requires_python, const MarkerEnvironment& target) {
  if (requires_python.empty()) return true;
  const auto specifier = VersionSpecifier::parse(requires_python);
  const auto python = PythonVersion::parse(target.values.at("python_full_version"));
  return specifier && python && specifier->contains(*python);
}

const PylockWheel* best_wheel(const PylockPackage& package, const WheelTags& tags) {
  const PylockWheel* best = nullptr;
  size_t best_rank = 0;
  std::string best_build;
  for (const auto& wheel : package.wheels) {
    WheelName name;
    try {
      name = parse_wheel_name(wheel.file_name);
    } catch (const Error&) {
      continue;  // old files on an index have names that no target takes
    }
    const auto rank = tags.rank(name);
    if (!rank) continue;
    if (best == nullptr || *rank < best_rank ||
        (*rank == best_rank && is_older_build(best_build, name.build))) {
      best = &wheel;
      best_rank = *rank;
      best_build = name.build;
    }
  }
  return best;
}

Error no_wheel(const PylockPackage& package, const WheelTags& tags, const std::string& file) {
  Error error(ExitCode::kUnresolvable,
              "no wheel of " + package.name + " " + package.version + " fits the target");
  error.where(file);
  if (package.wheels.empty()) {
    return error
        .why("its only source is a" + std::string(package.other_source == "archive" ? "n " : " ") +
             package.other_source)
        .hint("nothing is compiled here; put a wheel of it on an index or in a find-links folder");
  }
  std::string names;
  constexpr size_t kShown = 3;
  for (size_t i = 0; i < std::min(kShown, package.wheels.size()); ++i) {
    names += (names.empty() ? "" : ", ") + package.wheels[i].file_name;
  }
  if (package.wheels.size() > kShown) {
    names += " and " + std::to_string(package.wheels.size() - kShown) + " more";
  }
  return error.why("there is " + names + "; the target's best tag is " + tags.tags().front());
}

}  // namespace

Pylock parse_pylock(std::string_view text, const std::string& file) {
  const TomlValue document = parse_toml(text, file);
  TableReader top(document, file);
  check_lock_version(top, file);
  Pylock out;
  out.requires_python = top.string("requires-python").value_or("");
  out.environments = top.strings("environments");
  out.default_groups = top.strings("default-groups");
  for (auto& table : top.tables("packages")) out.packages.push_back(read_package(table));
  return out;
}

std::vector<ChosenWheel> choose_wheels(const Pylock& pylock, const MarkerEnvironment& target,
                                       const WheelTags& tags, const std::string& file) {
  MarkerEnvironment environment = target;
  environment.dependency_groups = {pylock.default_groups.begin(), pylock.default_groups.end()};
  const std::string& python = environment.values.at("python_full_version");
  const auto python_error = [&](const std::string& whose, const std::string& wanted) {
    return Error(ExitCode::kUnresolvable, whose + " does not fit Python " + python)
        .where(file)
        .why("it asks for Python " + wanted);
  };
  if (!satisfies_python(pylock.requires_python, environment)) {
    throw python_error("the pylock.toml", pylock.requires_python);
  }
  const auto holds = [&](const std::string& text) {
    const auto marker = Marker::parse(text);
    return marker && marker->holds(environment);
  };
  if (!pylock.environments.empty() &&
      std::none_of(pylock.environments.begin(), pylock.environments.end(), holds)) {
    throw Error(ExitCode::kUnresolvable, "the pylock.toml was not made for the target")
        .where(file)
        .why("none of its environments is Python " + python + " on Linux " +
             environment.values.at("platform_machine"));
  }
  std::map<std::string, ChosenWheel> chosen;
  for (const auto& package : pylock.packages) {
    if (!package.marker.empty()) {
      const auto marker = Marker::parse(package.marker);
      if (!marker) {
        throw Error(ExitCode::kInvalidLock, "package '" + package.name + "' has no valid marker")
            .where(file)
            .why("it is " + toml_string(package.marker));
      }
      if (!marker->holds(environment)) continue;
    }
    if (!satisfies_python(package.requires_python, environment)) {
      throw python_error(package.name + " " + package.version, package.requires_python);
    }
    const PylockWheel* wheel = best_wheel(package, tags);
    if (wheel == nullptr) throw no_wheel(package, tags, file);
    if (!wheel->digest) {
      throw Error(ExitCode::kInvalidLock, "no sha256 of " + wheel->file_name)
          .where(file)
          .why(wheel->weak_digests.empty()
                   ? "it has no hash"
                   : "it has only " + wheel->weak_digests + ", which do not identify a file");
    }
    ChosenWheel entry{package.name, package.version, *wheel};
    if (entry.version.empty()) entry.version = parse_wheel_name(wheel->file_name).version;
    if (!chosen.emplace(package.name, std::move(entry)).second) {
      throw Error(ExitCode::kInvalidLock, "two packages '" + package.name + "' hold for the target")
          .where(file);
    }
  }
  std::vector<ChosenWheel> out;
  out.reserve(chosen.size());
  for (auto& [name, entry] : chosen) out.push_back(std::move(entry));
  return out;
}

}  // namespace eb
