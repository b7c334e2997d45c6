#include "bundler/cli/bytecode.hpp"

#include <algorithm>
#include <chrono>

#include "bundler/cli/child_process.hpp"
#include "bundler/cli/embedded.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr std::string_view kInterpreterPrefix = "bin/python3.";

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// "lib/python3.11/x.py" for the interpreter bin/python3.11.
std::string library_of(const RelPath& interpreter) {
  return "lib/" + std::string(interpreter.name());
}

std::string cache_of(const RelPath& source, const RelPath& interpreter) {
  const std::string version(interpreter.str().substr(kInterpreterPrefix.size()));
  std::string stem(source.name());
  stem.resize(stem.size() - 3);
  return std::string(source.parent()) + "/__pycache__/" + stem + ".cpython-3" + version + ".pyc";
}

std::vector<std::string> sources(const Staging& staging, const RelPath& interpreter) {
  const std::string library = library_of(interpreter);
  std::vector<std::string> out;
  for (const auto& [path, item] : staging.items()) {
    if (item.type != Staging::Item::Type::kFile || !path.is_below(library) ||
        !path.name().ends_with(".py")) {
      continue;
    }
    // What a vendor delivers stays as it was delivered.
    const auto cache = RelPath::parse(cache_of(path, interpreter));
    if (cache && staging.find(*cache) == nullptr) out.push_back(path.str());
  }
  return out;
}

}  // namespace

std::optional<RelPath> staged_interpreter(const Staging& staging) {
  for (const auto& [path, item] : staging.items()) {
    if (path.str().starts_with(kInterpreterPrefix) &&
        is_number(std::string_view(path.str()).substr(kInterpreterPrefix.size()))) {
      return path;
    }
  }
  return std::nullopt;
}

BytecodeResult compile_bytecode(Staging& staging, const RelPath& interpreter, unsigned jobs,
                                EventSink& events) {
  const auto begun = std::chrono::steady_clock::now();
  const std::vector<std::string> files = sources(staging, interpreter);
  std::string listing;
  for (const std::string& file : files) listing += file + '\0';

  const std::filesystem::path root = std::filesystem::absolute(staging.root());
  const ChildProcess child{
      .argv = {(root / interpreter.str()).string(), "-I", "-S", "-B", "-X",
               "pycache_prefix=/nonexistent", "-c", std::string(embedded_bytecode_script()),
               std::to_string(std::max(1u, jobs))},
      // A locale or a hash seed of the build machine must not matter.
      .environment = {"PATH=/usr/bin:/bin", "HOME=/nonexistent", "LC_ALL=C.UTF-8", "TZ=UTC",
                      "PYTHONHASHSEED=0"},
      .folder = root.string(),
      .input = listing,
  };
  BytecodeResult out;
  events.on(PhaseStarted{"bytecode", files.size(), "files"});
  const ChildResult result = run_child(child, [&](std::string_view line) {
    if (out.python_version.empty()) {
      out.python_version = line;
    } else if (line == "+") {
      ++out.compiled;
    } else if (line.starts_with("-")) {
      out.skipped.emplace_back(line.substr(1));
    }
    events.on(PhaseProgress{out.compiled + out.skipped.size()});
  });
  if (result.status != 0 || out.compiled + out.skipped.size() != files.size()) {
    std::string why = result.errors.substr(0, result.errors.find_last_not_of('\n') + 1);
    if (why.empty()) why = "it ended with status " + std::to_string(result.status);
    throw Error(ExitCode::kIo, "the staged Python cannot make bytecode")
        .where(interpreter.str())
        .why(std::move(why))
        .hint(
            "programs of the bundle must be able to run on the machine that builds it: same "
            "architecture, work folder on a file system without noexec (--work-dir)");
  }
  std::sort(out.skipped.begin(), out.skipped.end());
  staging.adopt_new_files(library_of(interpreter), "bytecode");
  events.on(PhaseFinished{
      "bytecode", std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count()});
  return out;
}

}  // namespace eb
