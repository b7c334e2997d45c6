#include "installer/install/prewarm.hpp"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <sstream>
#include <vector>

#include "installer/base/error.hpp"
#include "installer/base/worker_pool.hpp"
#include "installer/install/directory_cache.hpp"
#include "installer/install/image_form.hpp"
#include "installer/install/release_check.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
namespace {

constexpr size_t kReadSize = 1u << 20;
// Where nothing tells how much memory there is.
constexpr uint64_t kCautiousBytes = 1ull << 30;

struct WarmFile {
  RelPath path;
  uint64_t size_bytes = 0;
};

bool is_read_at_start(const Entry& entry) {
  const std::string_view name = entry.path.name();
  return entry.executable || name.ends_with(".so") || name.find(".so.") != std::string_view::npos ||
         name.ends_with(".pyc");
}

std::vector<WarmFile> files_of_tree(const Index& index) {
  std::vector<const Entry*> entries;
  for (const Entry& entry : index.entries) {
    if (entry.type == EntryType::kFile && is_read_at_start(entry)) entries.push_back(&entry);
  }
  std::ranges::sort(entries, {}, &Entry::offset);
  std::vector<WarmFile> out;
  out.reserve(entries.size());
  for (const Entry* entry : entries) out.push_back({entry->path, entry->size_bytes});
  return out;
}

// Whether all of it could be read.
bool read_through(Sys& sys, DirectoryCache& directories, const RelPath& path, std::byte* buffer,
                  const StopFlag& stop) {
  const int parent = directories.try_open(path.parent());
  if (parent < 0) return false;
  const std::string name(path.name());
  const int fd =
      sys.openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
  if (fd < 0) return false;
  const Fd held(sys, fd);
  while (true) {
    stop.check();
    const ssize_t got = sys.read(fd, buffer, kReadSize);
    if (got == -EINTR) continue;
    if (got <= 0) return got == 0;
  }
}

}  // namespace

std::optional<uint64_t> available_memory(Sys& sys, const std::string& root) {
  const auto text = read_small_file(sys, AT_FDCWD, root + "/proc/meminfo", 1u << 16);
  for (const std::string& line : lines_of(text.value_or(""))) {
    std::istringstream in(line);
    std::string key;
    uint64_t kib = 0;
    if (in >> key >> kib && key == "MemAvailable:") return kib * 1024;
  }
  return std::nullopt;
}

PrewarmReport prewarm(Sys& sys, const PrefixView& prefix, const PrewarmOptions& options,
                      const Host& host, EventSink& events, const StopFlag& stop) {
  const auto begun = std::chrono::steady_clock::now();
  const std::optional<std::string>& release = options.release ? options.release : prefix.current;
  if (!release) {
    throw Error(ExitCode::kUsage, "no release is active there")
        .where(prefix.path)
        .hint("install a bundle, or name a release: envinstall list " + prefix.path);
  }
  if (!std::ranges::binary_search(prefix.releases, *release)) {
    throw Error(ExitCode::kUsage, "there is no release " + *release)
        .where(prefix.path)
        .hint("'envinstall list " + prefix.path + "' shows the releases");
  }
  PrewarmReport report;
  report.prefix = prefix.path;
  report.release = *release;
  const std::string where = prefix.path + "/" + kReleasesDir;
  const Fd releases = open_dir_at(sys, prefix.dir.get(), kReleasesDir, where);
  std::vector<WarmFile> files;
  if (const auto image = read_image_record(sys, releases.get(), *release, where)) {
    files.push_back({RelPath(kImageFile), image->size_bytes});
  } else {
    std::string id;
    files = files_of_tree(read_release_index(sys, releases.get(), *release, where, &id));
  }
  const uint64_t room = options.max_bytes != 0
                            ? options.max_bytes
                            : available_memory(sys, host.root).value_or(2 * kCautiousBytes) / 2;
  uint64_t planned = 0;
  report.left_out = std::erase_if(files, [&](const WarmFile& file) {
    if (file.size_bytes > room - planned) return true;
    planned += file.size_bytes;
    return false;
  });

  events.on(PhaseStarted{"prewarm", planned, "bytes"});
  const Fd root = open_dir_at(sys, releases.get(), release->c_str(), where + "/" + *release);
  std::atomic<size_t> next{0};
  std::mutex mutex;
  uint64_t passed = 0;
  const unsigned jobs = std::max(1u, options.jobs);
  for_each_parallel(jobs, jobs, [&](size_t) {
    DirectoryCache directories(sys, root.get(), 4, where + "/" + *release);
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kReadSize);
    for (size_t i = next++; i < files.size(); i = next++) {
      const bool is_read = read_through(sys, directories, files[i].path, buffer.get(), stop);
      const std::lock_guard lock(mutex);
      report.files += is_read ? 1 : 0;
      report.bytes += is_read ? files[i].size_bytes : 0;
      passed += files[i].size_bytes;
      events.on(PhaseProgress{passed});
    }
  });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  report.seconds = took.count();
  events.on(PhaseFinished{"prewarm", report.seconds});
  return report;
}

}  // namespace eb
