#include "installer/install/unpack.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <unordered_map>
#include <utility>

#include "installer/base/error.hpp"
#include "installer/install/directory_cache.hpp"
#include "installer/install/frame_pipeline.hpp"
#include "installer/install/spanning_file.hpp"

namespace eb {
namespace {

// Descriptors that all workers together keep open on directories (F119).
constexpr size_t kOpenDirectories = 32;

class Unpacking {
 public:
  Unpacking(Sys& sys, const StreamLayout& layout, const Stage& stage, const UnpackOptions& options,
            const StopFlag& stop)
      : sys(sys),
        index(layout.index()),
        stage(stage),
        options(options),
        done(layout.index().entries.size(), 0) {
    for (const uint32_t entry : layout.spanning_files()) {
      spanning[entry].set_size(index.entries[entry].size_bytes);
    }
    for (const ReusableFiles* files : options.reuse) {
      files->place(sys, stage.fd(), stage.where(), index, options.jobs, done, stop);
    }
  }

  Fd create(DirectoryCache& directories, const Entry& entry) {
    const int parent = directories.open(entry.path.parent());
    const std::string name(entry.path.name());
    Fd fd = create_at(sys, parent, name.c_str(), mode_of(entry), where(entry));
    if (!options.modes.files_exact) {
      if (const int r = sys.fchmod(fd.get(), mode_of(entry)); r < 0) {
        throw system_error(-r, "cannot set the mode", where(entry));
      }
    }
    return fd;
  }

  /// `flags` as of openat(2); a descriptor or -errno.
  int reopen(DirectoryCache& directories, const Entry& entry, int flags) {
    const int parent = directories.open(entry.path.parent());
    const std::string name(entry.path.name());
    return sys.openat(parent, name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, 0);
  }

  void finish(Fd fd, const Entry& entry) {
    mark_complete(sys, fd.get());
    if (options.sync_files) {
      if (const int r = sys.fsync(fd.get()); r < 0) {
        throw system_error(-r, "cannot make the file durable", where(entry));
      }
    }
    close_written(sys, std::move(fd), where(entry));
  }

  std::string where(const Entry& entry) const { return stage.where() + "/" + entry.path.str(); }

  Sys& sys;
  const Index& index;
  const Stage& stage;
  const UnpackOptions& options;
  std::vector<char> done;  ///< one an entry: it was there; not changed while workers run
  std::unordered_map<uint32_t, SpanningFile> spanning;  ///< its shape never changes after the start
};

class FileWriter final : public ContentConsumer {
 public:
  FileWriter(Unpacking& shared, const StopFlag& stop)
      : shared_(shared),
        stop_(stop),
        directories_(shared.sys, shared.stage.fd(), kOpenDirectories / shared.options.jobs,
                     shared.stage.where()) {}

  void content(uint32_t number, uint64_t offset, Bytes data) override {
    if (shared_.done[number] != 0) return;
    const Entry& entry = shared_.index.entries[number];
    const auto spanning = shared_.spanning.find(number);
    if (spanning != shared_.spanning.end()) {
      gather(spanning->second, entry, offset, data);
      return;
    }
    stop_.check();
    if (offset == 0) open_ = shared_.create(directories_, entry);
    write_all(shared_.sys, open_.get(), data, shared_.where(entry));
    if (offset + data.size() == entry.size_bytes) shared_.finish(std::move(open_), entry);
  }

  void frame_end() override { write_part(); }

 private:
  /// What of a large file lies in one frame.
  struct Part {
    SpanningFile* file = nullptr;
    const Entry* entry = nullptr;
    uint64_t offset = 0;
    Bytes data;
  };

  void gather(SpanningFile& file, const Entry& entry, uint64_t offset, Bytes data) {
    const bool is_whole_better = file.open(
        shared_.sys, [&] { return shared_.create(directories_, entry); },
        [&](int flags) { return shared_.reopen(directories_, entry, flags); },
        shared_.options.past_cache, shared_.where(entry));
    if (part_.file == &file) {
      part_.data = Bytes(part_.data.data(), part_.data.size() + data.size());
    } else {
      write_part();
      part_ = {&file, &entry, offset, data};
    }
    if (!is_whole_better) write_part();
  }

  void write_part() {
    if (part_.file == nullptr) return;
    const Part part = std::exchange(part_, {});
    Fd whole = part.file->write(shared_.sys, part.data, part.offset, shared_.where(*part.entry));
    if (whole) shared_.finish(std::move(whole), *part.entry);
  }

  Unpacking& shared_;
  const StopFlag& stop_;
  DirectoryCache directories_;
  Part part_;  ///< not yet written
  Fd open_;    ///< the file that lies in one frame and of which there is more to come
};

void make_directories(Sys& sys, const Index& index, const Stage& stage, const ModeBehaviour& modes,
                      const StopFlag& stop) {
  DirectoryCache directories(sys, stage.fd(), kOpenDirectories, stage.where());
  for (const Entry& entry : index.entries) {
    if (entry.type != EntryType::kDirectory) continue;
    stop.check();
    const int parent = directories.open(entry.path.parent());
    const std::string name(entry.path.name());
    const std::string where = directories.where(entry.path.str());
    if (const int r = sys.mkdirat(parent, name.c_str(), 0755); r < 0) {
      throw system_error(-r, "cannot make the folder", where);
    }
    if (modes.directories_exact) continue;
    if (const int r = sys.fchmodat(parent, name.c_str(), 0755 | modes.inherited); r < 0) {
      throw system_error(-r, "cannot set the folder's mode", where);
    }
  }
}

// Last of all: as long as files are written, there is no link that a path could lead through.
void make_symlinks(Sys& sys, const Index& index, const Stage& stage, const StopFlag& stop) {
  DirectoryCache directories(sys, stage.fd(), kOpenDirectories, stage.where());
  for (const Entry& entry : index.entries) {
    if (entry.type != EntryType::kSymlink) continue;
    stop.check();
    const int parent = directories.open(entry.path.parent());
    const std::string name(entry.path.name());
    if (const int r = sys.symlinkat(entry.target.c_str(), parent, name.c_str()); r < 0) {
      throw system_error(-r, "cannot make the link", directories.where(entry.path.str()));
    }
  }
}

}  // namespace

Reused unpack(Sys& sys, BundleSource& source, const VerifiedBundle& bundle, const Stage& stage,
              const UnpackOptions& options, EventSink& events, const StopFlag& stop) {
  const StreamLayout layout(bundle.index());
  make_directories(sys, bundle.index(), stage, options.modes, stop);
  Unpacking shared(sys, layout, stage, options, stop);
  // Where nothing was there, all of the stream is checked, also what holds no file.
  const bool has_reused = std::ranges::count(shared.done, 1) > 0;
  run_frames(
      source, bundle, layout,
      {.jobs = options.jobs,
       .phase = "unpack",
       .in_order = source.is_stream(),
       .wanted = has_reused ? layout.frames_needed(shared.done) : std::vector<bool>()},
      [&]() -> std::unique_ptr<ContentConsumer> {
        return std::make_unique<FileWriter>(shared, stop);
      },
      events, stop);
  make_symlinks(sys, bundle.index(), stage, stop);
  Reused reused;
  for (size_t i = 0; i < shared.done.size(); ++i) {
    if (shared.done[i] == 0) continue;
    ++reused.files;
    reused.bytes += bundle.index().entries[i].size_bytes;
  }
  return reused;
}

}  // namespace eb
