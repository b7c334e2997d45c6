#include "installer/install/install.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <new>

#include "installer/base/error.hpp"
#include "installer/base/worker_pool.hpp"
#include "installer/install/confinement.hpp"
#include "installer/install/existing_release.hpp"
#include "installer/install/publish.hpp"
#include "installer/install/receipt.hpp"
#include "installer/install/receipt_of.hpp"
#include "installer/install/release_lock.hpp"
#include "installer/install/small_file.hpp"
#include "installer/install/stage.hpp"
#include "installer/install/unpack.hpp"
#include "installer/install/unpack_image.hpp"

namespace eb {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

class InstallRun {
 public:
  InstallRun(Sys& sys, BundleSource& source, const VerifiedBundle& bundle, InstallPlan plan,
             const TrustStore& trust, const Host& host, const InstallOptions& options,
             EventSink& events, const StopFlag& stop)
      : sys_(sys),
        source_(source),
        bundle_(bundle),
        plan_(std::move(plan)),
        trust_(trust),
        host_(host),
        options_(options),
        events_(events),
        stop_(stop),
        nonce_(random_name()),
        action_(plan_.action),
        previous_(plan_.prefix.current),
        path_(plan_.prefix.path) {}

  InstallReport run() {
    const auto begin = Clock::now();
    try {
      work();
    } catch (Error& error) {
      give_up();
      describe_state(error);
      throw;
    } catch (const std::bad_alloc&) {
      give_up();
      Error error(ExitCode::kIo, "out of memory");
      error.hint("give fewer --jobs, or raise the memory limit of this shell or job");
      describe_state(error);
      throw error;
    } catch (...) {
      give_up();
      throw;
    }
    InstallReport report;
    report.action = action_;
    report.release = plan_.release;
    report.id = plan_.id;
    report.prefix = path_;
    report.previous = previous_;
    report.totals = plan_.totals;
    report.form = plan_.form;
    report.held_files = own_index().entries.size() + (is_image() ? 1 : 0);
    report.image_bytes = image_.size_bytes;
    report.advice = plan_.advice;
    report.reused = reused_;
    report.durability = plan_.durability;
    report.seconds = seconds_since(begin);
    return report;
  }

 private:
  bool is_image() const { return plan_.form == ReleaseForm::kImage; }
  /// What the release has as files of its own.
  const Index& own_index() const { return is_image() ? outer_ : bundle_.index(); }

  // Nobody knows how large an image becomes.
  std::optional<uint64_t> largest_file() const {
    if (is_image()) return std::nullopt;
    uint64_t out = 0;
    for (const Entry& entry : bundle_.index().entries) out = std::max(out, entry.size_bytes);
    return out;
  }

  void work() {
    if (is_image()) outer_ = outer_index(bundle_.index(), plan_.outside);
    if (action_ == InstallAction::kNothing) {
      check_existing(plan_.prefix.dir.get());
      finish_nothing();
      return;
    }
    prefix_.emplace(make_prefix(sys_, std::move(plan_.prefix)));
    if (action_ == InstallAction::kInstall) {
      unpack_and_publish();
    } else {
      check_existing(prefix_->root.get());
      remove_leftovers(sys_, *prefix_, host_, {}, nonce_, events_);
    }
    stop_.check();
    if (options_.before_activation) {
      options_.before_activation(*prefix_, plan_.release);
      stop_.check();
    }
    activate();
  }

  // Also repairs what a run that was killed after the flip left undone.
  void finish_nothing() {
    Prefix prefix = make_prefix(sys_, std::move(plan_.prefix));
    make_top_links(sys_, prefix, own_index(), events_);
    make_module_files(prefix);
    remove_leftovers(sys_, prefix, host_, {}, nonce_, events_);
  }

  void unpack_and_publish() {
    const auto is_published = [this] {
      return sys_.faccessat(prefix_->releases.get(), plan_.release.c_str(), F_OK) == 0;
    };
    lock_.emplace(ReleaseLock::acquire(sys_, *prefix_, plan_.release, host_, nonce_,
                                       options_.wait_seconds, is_published, events_, stop_));
    if (is_published()) {
      // Another run was first. What is left to do is what a second run does.
      check_existing(prefix_->root.get());
      action_ = InstallAction::kActivate;
      return;
    }
    const std::vector<ReusableFiles> kept = kept_of_killed_runs();
    UnpackOptions unpack_options{.jobs = plan_.workers.jobs,
                                 .modes = {},
                                 .sync_files = options_.durable && !plan_.durability.by_syncfs,
                                 .past_cache = plan_.past_cache};
    for (const ReusableFiles& files : kept) unpack_options.reuse.push_back(&files);
    unpack_options.reuse.push_back(&plan_.reusable);
    // A stage that is used must be there until its files have their second name.
    if (kept.empty()) remove_leftovers(sys_, *prefix_, host_, plan_.release, nonce_, events_);
    if (!plan_.space_is_certain) {
      SpaceReport space =
          read_space(sys_, prefix_->root.get(), bundle_, plan_.image_outside(), path_);
      for (const ReusableFiles* files : unpack_options.reuse) {
        space.need.spare(files->files(), files->bytes());
      }
      check_space(space, bundle_, options_.max_bytes, path_);
    }
    stage_.emplace(sys_, *prefix_, plan_.release, nonce_);
    unpack_options.modes = stage_->probe(host_, events_);
    const bool links = is_image() || !kept.empty() || plan_.reusable.files() > 0;
    run_confined({prefix_->root.get(), largest_file(), links}, events_, [&] {
      if (is_image()) {
        image_ = unpack_image(sys_, source_, bundle_, *stage_, plan_.outside, unpack_options,
                              events_, stop_);
      } else {
        reused_ = unpack(sys_, source_, bundle_, *stage_, unpack_options, events_, stop_);
      }
    });
    if (is_image()) finish_image();
    if (!kept.empty()) remove_leftovers(sys_, *prefix_, host_, plan_.release, nonce_, events_);
    write_bundle_files();
    stop_.check();
    if (options_.durable) sync();
    stop_.check();
    const PublishResult result =
        publish(sys_, *prefix_, *stage_, plan_.release, nonce_, &is_published_);
    if (result == PublishResult::kExistsAlready) {
      stage_.reset();
      check_existing(prefix_->root.get());
      action_ = InstallAction::kActivate;
    }
  }

  // Resume: what was finished before a run was killed need not be unpacked again.
  std::vector<ReusableFiles> kept_of_killed_runs() {
    std::vector<ReusableFiles> out;
    if (is_image() || !options_.reuse) return out;
    for (const std::string& name : abandoned_stages(sys_, *prefix_, plan_.release, nonce_)) {
      const std::string where = prefix_->at(kStateDir) + "/" + name;
      try {
        Fd dir = open_dir_at(sys_, prefix_->state.get(), name.c_str(), where);
        out.push_back(ReusableFiles::of_stage(sys_, std::move(dir), where, bundle_.index(),
                                              plan_.workers.jobs, events_, stop_));
        events_.on(Note{"of an interrupted run " + std::to_string(out.back().files()) +
                        " files are whole and used again: " + where});
      } catch (const Error&) {
        stop_.check();  // else: it is removed, and everything unpacked
      }
    }
    return out;
  }

  // Its digest is computed while the disk takes it: half of the two costs nothing.
  void finish_image() {
    const auto begin = Clock::now();
    const std::string where = stage_->where() + "/" + kImageFile;
    events_.on(PhaseStarted{"hash", image_.size_bytes, "bytes"});
    for_each_parallel(2, plan_.workers.jobs, [&](size_t half) {
      if (half == 0) {
        image_.digest = hash_file(sys_, stage_->fd(), kImageFile, where, stop_);
        return;
      }
      if (!plan_.durability.by_syncfs) return;  // it is synced already
      const Fd fd = open_at(sys_, stage_->fd(), kImageFile, O_RDONLY | O_NOFOLLOW, 0, where);
      if (const int r = sys_.fsync(fd.get()); r < 0) {
        throw system_error(-r, "cannot make the image durable", where);
      }
    });
    events_.on(PhaseFinished{"hash", seconds_since(begin)});
  }

  void write_bundle_files() {
    const std::string where = stage_->where() + "/" + kBundleDir;
    make_directory(sys_, stage_->fd(), kBundleDir, 0755, where);
    const Fd dir = open_dir_at(sys_, stage_->fd(), kBundleDir, where);
    const std::string text = encode_receipt(receipt_of(bundle_, nonce_, trust_, host_));
    write_file(dir.get(), kIndexFile, bundle_.index_bytes(), where);
    write_file(dir.get(), kSignaturesFile, bundle_.signature_bytes(), where);
    write_file(dir.get(), kReceiptFile, as_bytes(text), where);
    if (is_image()) {
      const std::string record = encode_image_record(image_);
      write_file(dir.get(), kImageRecordFile, as_bytes(record), where);
    }
  }

  void write_file(int dir, const char* name, Bytes data, const std::string& folder) {
    const std::string where = folder + "/" + name;
    Fd fd = create_at(sys_, dir, name, 0644, where);
    write_all(sys_, fd.get(), data, where);
    if (const int r = sys_.fchmod(fd.get(), 0644); r < 0) {
      throw system_error(-r, "cannot set the mode", where);
    }
    close_written(sys_, std::move(fd), where);
    bundle_files_.emplace_back(name);
  }

  void sync() {
    const auto begin = Clock::now();
    events_.on(PhaseStarted{"sync", 0, "files"});
    // Of files that another run wrote nobody knows whether it came to sync them.
    const bool files_synced = !plan_.durability.by_syncfs && reused_.files == 0;
    make_durable(sys_, stage_->fd(), own_index(), plan_.durability, files_synced, bundle_files_,
                 plan_.workers.jobs, stage_->where());
    events_.on(PhaseFinished{"sync", seconds_since(begin)});
  }

  void check_existing(int root) {
    require_intact(sys_, root, path_, plan_.release, bundle_, plan_.workers.jobs, events_, stop_);
  }

  void activate() {
    make_top_links(sys_, *prefix_, own_index(), events_);
    make_module_files(*prefix_);
    has_begun_to_flip_ = true;
    flip_current(sys_, *prefix_, plan_.release, nonce_, &is_current_);
    drop_top_links(sys_, prefix_->root.get(), &own_index());
    raise_floor();
    append_log(sys_, prefix_->state.get(), host_.now,
               (action_ == InstallAction::kInstall ? "installed " : "activated ") + plan_.release +
                   " id " + plan_.id + " signer " + bundle_.accepted().front().fingerprint +
                   " uid " + std::to_string(host_.uid) +
                   (options_.exceptions.downgrade ? " with --allow-downgrade" : "") +
                   (options_.exceptions.expired ? " with --allow-expired" : ""));
  }

  void make_module_files(const Prefix& prefix) {
    keep_module_choice(sys_, prefix, options_.modules);
    refresh_module_files(sys_, prefix, plan_.release, host_.now, events_);
  }

  void raise_floor() {
    Floor& floor = plan_.floor;
    uint64_t& known = floor.counters[meta(meta_key::kName)];
    // A downgrade that was allowed is not undone by the next install of the same bundle.
    known = options_.exceptions.downgrade ? counter() : std::max(known, counter());
    const auto epoch = static_cast<int64_t>(parse_number(meta(meta_key::kEpoch)).value_or(0));
    floor.newest = std::max({floor.newest, epoch, host_.now});
    try {
      write_floor(sys_, prefix_->state.get(), floor, prefix_->at(kStateDir) + "/floor");
    } catch (const Error& error) {
      // The release is the active one already; its receipt holds the same number.
      events_.on(Warning{"cannot record the release counter: " + error.why()});
    }
  }

  void give_up() {
    stage_.reset();
    lock_.reset();
    if (prefix_ && !is_published_) unmake_prefix(sys_, *prefix_);
  }

  // 1: the release is the active one; 0: it is not; -1: nobody can tell. The reply to the rename
  // may have been lost, and the look that followed it have failed as well.
  int see_current() const {
    const std::string wanted = std::string(kReleasesDir) + "/" + plan_.release;
    std::string target(wanted.size() + 1, '\0');
    const ssize_t got =
        sys_.readlinkat(prefix_->root.get(), kCurrentLink, target.data(), target.size());
    if (got < 0) return got == -ENOENT ? 0 : -1;
    target.resize(static_cast<size_t>(got));
    return target == wanted ? 1 : 0;
  }

  void describe_state(Error& error) const {
    const std::string still =
        previous_ ? "release " + *previous_ + " is still the active one" : "no release is active";
    if (previous_ == plan_.release) {
      error.hint("release " + plan_.release + " is still the active one");
      return;
    }
    const int seen = is_current_ ? 1 : has_begun_to_flip_ ? see_current() : 0;
    if (seen < 0) {
      error.hint("release " + plan_.release +
                 " is installed; whether it is the active one now cannot be seen; the same command "
                 "again will finish");
    } else if (seen > 0) {
      error.hint("release " + plan_.release + " is the active one now");
    } else if (is_published_ || action_ != InstallAction::kInstall) {
      error.hint("release " + plan_.release + " is installed, but " + still +
                 (error.code() == ExitCode::kSmokeTest
                      ? "; to activate it all the same, give --gpu-check=skip"
                      : "; the same command again will finish"));
    } else {
      error.hint("nothing was installed; " + still);
    }
  }

  std::string meta(const char* key) const {
    const auto at = bundle_.index().meta.find(key);
    return at == bundle_.index().meta.end() ? std::string() : at->second;
  }
  uint64_t counter() const { return parse_number(meta(meta_key::kCounter)).value_or(0); }

  Sys& sys_;
  BundleSource& source_;
  const VerifiedBundle& bundle_;
  InstallPlan plan_;
  const TrustStore& trust_;
  const Host& host_;
  const InstallOptions& options_;
  EventSink& events_;
  const StopFlag& stop_;
  const std::string nonce_;
  Index outer_;        ///< in image form: what lies beside the image
  ImageRecord image_;  ///< of an image that this run made
  Reused reused_;
  InstallAction action_;
  const std::optional<std::string> previous_;
  std::vector<std::string> bundle_files_;  ///< names in .bundle of the stage
  const std::string path_;
  std::optional<Prefix> prefix_;
  std::optional<ReleaseLock> lock_;
  std::optional<Stage> stage_;
  bool is_published_ = false;
  bool has_begun_to_flip_ = false;
  bool is_current_ = false;
};

}  // namespace

InstallReport install(Sys& sys, BundleSource& source, const VerifiedBundle& bundle,
                      InstallPlan plan, const TrustStore& trust, const Host& host,
                      const InstallOptions& options, EventSink& events, const StopFlag& stop) {
  InstallRun run(sys, source, bundle, std::move(plan), trust, host, options, events, stop);
  return run.run();
}

}  // namespace eb
