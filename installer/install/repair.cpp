#include "installer/install/repair.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "installer/base/error.hpp"
#include "installer/install/directory_cache.hpp"
#include "installer/install/floor.hpp"
#include "installer/install/frame_pipeline.hpp"
#include "installer/install/image_check.hpp"
#include "installer/install/mend_yard.hpp"
#include "installer/install/receipt.hpp"
#include "installer/install/receipt_of.hpp"
#include "installer/install/release_lock.hpp"
#include "installer/install/release_to_repair.hpp"
#include "installer/install/reuse.hpp"
#include "installer/install/small_file.hpp"
#include "installer/install/stage.hpp"
#include "installer/install/unpack_image.hpp"

namespace eb {
namespace {

constexpr size_t kOpenDirectories = 16;

/// A file that is made anew.
struct NewFile {
  Fd fd;
  uint64_t left = 0;  ///< bytes that are not written yet
  bool placed = false;
};

class RepairRun {
 public:
  RepairRun(Sys& sys, BundleSource& source, const VerifiedBundle& bundle, Prefix prefix,
            std::string release, const RepairOptions& options, const TrustStore& trust,
            const Host& host, EventSink& events, const StopFlag& stop)
      : sys_(sys),
        source_(source),
        bundle_(bundle),
        prefix_(std::move(prefix)),
        release_(std::move(release)),
        options_(options),
        trust_(trust),
        host_(host),
        events_(events),
        stop_(stop),
        nonce_(random_name()),
        where_(prefix_.at(kReleasesDir) + "/" + release_) {}

  RepairReport run() {
    const ReleaseLock lock = ReleaseLock::acquire(
        sys_, prefix_, release_, host_, nonce_, options_.wait_seconds, [] { return false; },
        events_, stop_);
    remove_leftovers(sys_, prefix_, host_, release_, nonce_, events_);
    report_.prefix = prefix_.path;
    report_.release = release_;
    report_.id = bundle_.id().hex();
    report_.frames = bundle_.index().frames.size();
    root_ = open_dir_at(sys_, prefix_.releases.get(), release_.c_str(), where_);
    MendYard yard(sys_, prefix_, release_, nonce_);
    yard_ = &yard;
    try {
      work();
    } catch (...) {
      files_.clear();  // closed before the yard goes: NFS keeps what is open
      throw;
    }
    report_.kept_at = yard.kept_at();
    std::ranges::sort(report_.rewritten);
    if (!report_.rewritten.empty()) {
      append_log(sys_, prefix_.state.get(), host_.now,
                 "repaired " + release_ + " id " + report_.id + " paths " +
                     std::to_string(report_.rewritten.size()) + " uid " +
                     std::to_string(host_.uid));
    }
    return std::move(report_);
  }

 private:
  void work() {
    repair_bundle_files();
    const auto record = read_image_record(sys_, root_.get(), ".", where_);
    is_image_ = record.has_value();
    own_ = record ? outer_index(bundle_.index(), record->outside) : bundle_.index();
    if (record) check_image(*record);
    const ReleaseCheckOptions check{.contents = true, .added = true, .jobs = options_.jobs};
    const ReleaseCheck found =
        check_release(sys_, root_.get(), where_, own_, check, events_, stop_);
    report_.files = found.files;
    sort_differences(found);
    for (const Entry* folder : folders_) repair_folder(*folder);
    repair_files();
    for (const Entry* link : links_) repair_link(*link);
    sync_touched();
    check_again();
  }

  // --- what is of the bundle itself

  void repair_bundle_files() {
    const std::string where = where_ + "/" + kBundleDir;
    struct stat info {};
    const int r = sys_.fstatat(root_.get(), kBundleDir, &info, AT_SYMLINK_NOFOLLOW);
    if (r == 0 && !S_ISDIR(info.st_mode)) yard_->set_aside(root_.get(), kBundleDir, where);
    make_directory(sys_, root_.get(), kBundleDir, 0755, where);
    const Fd dir = open_dir_at(sys_, root_.get(), kBundleDir, where);
    if (content_of(dir.get(), kIndexFile, kMaxIndexSize) != bundle_.index_bytes()) {
      put(dir.get(), kIndexFile, bundle_.index_bytes());
    }
    // One that carries fewer signatures, or others, is not wrong as long as all of them hold.
    if (!holds(content_of(dir.get(), kSignaturesFile, kMaxSignaturesSize))) {
      put(dir.get(), kSignaturesFile, bundle_.signature_bytes());
    }
    if (!read_receipt(sys_, prefix_.releases.get(), release_)) {
      put(dir.get(), kReceiptFile,
          as_bytes(encode_receipt(receipt_of(bundle_, nonce_, trust_, host_))));
    }
  }

  std::vector<std::byte> content_of(int dir, const char* name, size_t max) {
    try {
      return read_file_at(sys_, dir, name, max, name);
    } catch (const Error&) {
      return {};
    }
  }

  bool holds(const std::vector<std::byte>& signatures) {
    try {
      const auto blobs = parse_signatures(signatures);
      return !blobs.empty() && std::ranges::all_of(blobs, [&](const auto& blob) {
        return verify_sshsig(parse_sshsig(blob), bundle_.index_bytes());
      });
    } catch (const Error&) {
      return false;
    }
  }

  void put(int dir, const char* name, Bytes data) {
    const std::string below = std::string(kBundleDir) + "/" + name;
    const std::string where = where_ + "/" + below;
    struct stat info {};
    if (sys_.fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode)) {
      yard_->set_aside(dir, name, where);
    }
    replace_file_at(sys_, dir, name, yard_->fd(), "note", data, 0644, where);
    report_.rewritten.push_back(below);
    report_.bytes += data.size();
  }

  void check_image(const ImageRecord& record) {
    bool missing = false;
    const std::string path = where_ + "/" + kImageFile;
    const std::string problem =
        image_file_problem(sys_, root_.get(), where_, record, true, &missing, stop_);
    if (problem.empty()) return;
    throw Error(ExitCode::kDigestMismatch, "the image of the release is damaged")
        .where(path)
        .why(problem)
        .hint("an image is made anew as a whole: 'envinstall uninstall " + prefix_.path + " " +
              release_ + "', then install the bundle with --as-image")
        .hint("to have something active meanwhile, install the same bundle as a tree first");
  }

  // --- what is to be done

  void sort_differences(const ReleaseCheck& found) {
    for (const Difference& difference : found.differences) {
      if (difference.kind == DifferenceKind::kAdded) {
        if (!is_image_ || difference.path != kImageFile) report_.added.push_back(difference.path);
        continue;
      }
      const Entry& entry = entry_of(difference.path);
      switch (entry.type) {
        case EntryType::kDirectory:
          folders_.push_back(&entry);
          break;
        case EntryType::kSymlink:
          links_.push_back(&entry);
          break;
        case EntryType::kFile:
          files_to_look_at_.push_back(&entry);
          break;
      }
    }
  }

  const Entry& entry_of(const std::string& path) const {
    const auto at = std::ranges::lower_bound(
        own_.entries, path, {},
        [](const Entry& each) -> const std::string& { return each.path.str(); });
    if (at == own_.entries.end() || at->path.str() != path) {
      throw Error(ExitCode::kInternal, "a difference without an entry").where(path);
    }
    return *at;
  }

  // --- folders, links, files

  void note(const Entry& entry) {
    report_.rewritten.push_back(entry.path.str());
    touched_.insert(std::string(entry.path.parent()));
  }

  std::string where(const Entry& entry) const { return where_ + "/" + entry.path.str(); }

  // A DirectoryCache for one step: after a repair of folders older descriptors lead elsewhere.
  void repair_folder(const Entry& entry) {
    stop_.check();
    DirectoryCache directories(sys_, root_.get(), kOpenDirectories, where_);
    const int parent = directories.open(entry.path.parent());
    const std::string name(entry.path.name());
    struct stat info {};
    const int r = sys_.fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW);
    if (r == 0 && S_ISDIR(info.st_mode)) {
      const mode_t mode = 0755 | (info.st_mode & S_ISGID);
      if (const int done = sys_.fchmodat(parent, name.c_str(), mode); done < 0) {
        throw system_error(-done, "cannot set the folder's mode", where(entry));
      }
      ++report_.modes;
    } else {
      if (r == 0) yard_->set_aside(parent, name, where(entry));
      make_directory(sys_, parent, name.c_str(), 0755, where(entry));
    }
    note(entry);
  }

  void repair_link(const Entry& entry) {
    stop_.check();
    DirectoryCache directories(sys_, root_.get(), kOpenDirectories, where_);
    const std::string temporary = "link-" + std::to_string(++links_made_);
    if (const int r = sys_.symlinkat(entry.target.c_str(), yard_->fd(), temporary.c_str()); r < 0) {
      throw system_error(-r, "cannot make the link", where(entry));
    }
    place(directories.open(entry.path.parent()), temporary, entry);
  }

  void repair_files() {
    DirectoryCache directories(sys_, root_.get(), kOpenDirectories, where_);
    std::vector<uint32_t> wanted;
    std::vector<const Entry*> other_names;
    for (const Entry* entry : files_to_look_at_) {
      stop_.check();
      if (only_mode_is_wrong(directories.open(entry->path.parent()), *entry)) continue;
      if (is_image_ && entry->path.is_below("bin")) {
        other_names.push_back(entry);
      } else {
        wanted.push_back(number_in_bundle(*entry));
      }
    }
    if (!wanted.empty()) rewrite(directories, wanted);
    // In image form what lies in bin/ is one program under many names.
    for (const Entry* entry : other_names) repair_program_name(directories, *entry);
  }

  void rewrite(DirectoryCache& directories, const std::vector<uint32_t>& wanted) {
    const StreamLayout layout(bundle_.index());
    for (const uint32_t number : wanted) {
      NewFile& file = files_[number];
      file.left = bundle_.index().entries[number].size_bytes;
    }
    std::vector<char> is_right(bundle_.index().entries.size(), 1);
    for (const uint32_t number : wanted) is_right[number] = 0;
    FrameWork work{.jobs = std::clamp(options_.jobs, 1u, kMaxDefaultJobs),
                   .phase = "read",
                   .in_order = source_.is_stream(),
                   .wanted = layout.frames_needed(is_right)};
    report_.frames_read = static_cast<size_t>(std::ranges::count(work.wanted, true));
    run_frames(
        source_, bundle_, layout, work,
        [&]() -> std::unique_ptr<ContentConsumer> { return std::make_unique<PartWriter>(*this); },
        events_, stop_);
    for (const uint32_t number : wanted) {
      const Entry& entry = bundle_.index().entries[number];
      place(directories.open(entry.path.parent()), temporary_of(number), entry);
      report_.bytes += entry.size_bytes;
    }
  }

  void repair_program_name(DirectoryCache& directories, const Entry& entry) {
    const std::string temporary = "name-" + std::to_string(++links_made_);
    const int r = sys_.linkat(root_.get(), kImageProgram, yard_->fd(), temporary.c_str());
    if (r < 0) {
      // Where there are no hard links there are copies.
      const std::vector<std::byte> program = read_file_at(
          sys_, root_.get(), kImageProgram, entry.size_bytes, where_ + "/" + kImageProgram);
      Fd fd = create_at(sys_, yard_->fd(), temporary.c_str(), 0755, where(entry));
      write_all(sys_, fd.get(), program, where(entry));
      int done = sys_.fchmod(fd.get(), 0755);
      if (done == 0) done = sys_.fsync(fd.get());
      if (done < 0) throw system_error(-done, "cannot make the file durable", where(entry));
      close_written(sys_, std::move(fd), where(entry));
      report_.bytes += program.size();
    }
    place(directories.open(entry.path.parent()), temporary, entry);
  }

  uint32_t number_in_bundle(const Entry& entry) const {
    const auto at = std::ranges::lower_bound(
        bundle_.index().entries, entry.path.str(), {},
        [](const Entry& each) -> const std::string& { return each.path.str(); });
    return static_cast<uint32_t>(at - bundle_.index().entries.begin());
  }

  // Somebody's `chmod -R` needs no bundle.
  bool only_mode_is_wrong(int parent, const Entry& entry) {
    const std::string name(entry.path.name());
    struct stat info {};
    if (sys_.fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISREG(info.st_mode) || static_cast<uint64_t>(info.st_size) != entry.size_bytes ||
        (info.st_mode & 07777) == mode_of(entry)) {
      return false;
    }
    try {
      // Whoever may not read it any more may still own it.
      if ((info.st_mode & 0400) == 0) sys_.fchmodat(parent, name.c_str(), mode_of(entry));
      if (hash_file(sys_, parent, name.c_str(), where(entry), stop_) != entry.digest) return false;
      const Fd fd = open_at(sys_, parent, name.c_str(), O_RDONLY | O_NOFOLLOW, 0, where(entry));
      if (sys_.fchmod(fd.get(), mode_of(entry)) < 0) return false;
    } catch (const Error&) {
      stop_.check();
      return false;
    }
    ++report_.modes;
    note(entry);
    return true;
  }

  static std::string temporary_of(uint32_t number) { return "file-" + std::to_string(number); }

  class PartWriter final : public ContentConsumer {
   public:
    explicit PartWriter(RepairRun& run) : run_(run) {}
    void content(uint32_t entry, uint64_t offset, Bytes data) override {
      run_.write_part(entry, offset, data);
    }

   private:
    RepairRun& run_;
  };

  void write_part(uint32_t number, uint64_t offset, Bytes data) {
    const auto found = files_.find(number);
    if (found == files_.end()) return;  // it shares the frame with one that is wrong
    NewFile& file = found->second;
    const Entry& entry = bundle_.index().entries[number];
    int fd = -1;
    {
      const std::lock_guard lock(mutex_);
      if (!file.fd) {
        file.fd = create_at(sys_, yard_->fd(), temporary_of(number).c_str(), 0600, where(entry));
      }
      fd = file.fd.get();
    }
    pwrite_all(sys_, fd, data, offset, where(entry));
    const std::lock_guard lock(mutex_);
    file.left -= data.size();
    if (file.left > 0) return;
    mark_complete(sys_, fd);
    int r = sys_.fchmod(fd, mode_of(entry));
    if (r == 0) r = sys_.fsync(fd);
    if (r < 0) throw system_error(-r, "cannot make the file durable", where(entry));
    close_written(sys_, std::move(file.fd), where(entry));
  }

  void place(int parent, const std::string& temporary, const Entry& entry) {
    yard_->place(temporary, parent, std::string(entry.path.name()), where(entry));
    note(entry);
  }

  // --- the end

  void sync_touched() {
    DirectoryCache directories(sys_, root_.get(), kOpenDirectories, where_);
    for (const std::string& path : touched_) {
      // The cache's descriptors are no good for fsync (O_PATH).
      const int parent = directories.open(path);
      const Fd dir = open_at(sys_, parent, ".", O_RDONLY | O_DIRECTORY, 0, where_ + "/" + path);
      sync_directory(sys_, dir.get(), where_ + "/" + path);
    }
  }

  // What was written is read once more: a disk that fails shows here.
  void check_again() {
    Index fresh;
    for (const auto* group : {&folders_, &files_to_look_at_, &links_}) {
      for (const Entry* entry : *group) fresh.entries.push_back(*entry);
    }
    if (fresh.entries.empty()) return;
    const ReleaseCheckOptions check{.contents = true, .added = false, .jobs = options_.jobs};
    NullSink silence;
    const ReleaseCheck found =
        check_release(sys_, root_.get(), where_, fresh, check, silence, stop_);
    if (found.differences.empty()) return;
    const Difference& first = found.differences.front();
    throw Error(ExitCode::kDigestMismatch, "the release is still not right after the repair")
        .where(where_)
        .why(first.path + ": " + first.detail)
        .hint(
            "somebody changes it meanwhile, or the disk fails: look at its state (dmesg), then run "
            "the same command again");
  }

  Sys& sys_;
  BundleSource& source_;
  const VerifiedBundle& bundle_;
  Prefix prefix_;
  const std::string release_;
  const RepairOptions& options_;
  const TrustStore& trust_;
  const Host& host_;
  EventSink& events_;
  const StopFlag& stop_;
  const std::string nonce_;
  const std::string where_;
  RepairReport report_;
  Fd root_;                   ///< of the release
  MendYard* yard_ = nullptr;  ///< of run(): gone before the lock is given back
  bool is_image_ = false;
  Index own_;  ///< what the release has as files
  std::vector<const Entry*> folders_, links_, files_to_look_at_;
  std::map<uint32_t, NewFile> files_;  ///< its shape does not change while workers write
  std::mutex mutex_;
  std::set<std::string> touched_;  ///< folders in which a name changed
  unsigned links_made_ = 0;
};

}  // namespace

RepairReport repair(Sys& sys, BundleSource& source, const VerifiedBundle& bundle, PrefixView view,
                    const RepairOptions& options, const TrustStore& trust, const Host& host,
                    EventSink& events, const StopFlag& stop) {
  if (source.is_stream()) {
    throw Error(ExitCode::kUsage, "a repair needs the bundle as a file")
        .why("of a pipe the parts cannot be had that are needed")
        .hint("name the bundle's path: --from BUNDLE");
  }
  std::string release = release_to_repair(view, bundle, options.release);
  RepairRun run(sys, source, bundle, make_prefix(sys, std::move(view)), std::move(release), options,
                trust, host, events, stop);
  return run.run();
}

}  // namespace eb
