// The power goes after every operation that changes the disk (F131): real installs, rollbacks,
// repairs and uninstalls on an ext4 file system of their own, which is shut down without a flush,
// mounted again and held against the trees by hash.
//
//     power_cut [--step N]
//
// N: every N-th operation of each scenario (default 4; 1 with EB_HOSTILE=all). What has to hold:
// each release that is there is whole (of one under repair: each file is the old one or the right
// one); `current` is what it was or what it was to be; after a reported success it is what it was
// to be; the same command then does the rest. The negative controls leave syncs out, and have to
// be found. Exit code 77 with "skipped: …" where this machine has no loop devices.

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <iostream>

#include "cut_sys.hpp"
#include "extent.hpp"
#include "installer/install/image_form.hpp"
#include "installer/install/receipt.hpp"
#include "installer/install/repair.hpp"
#include "installer/install/rollback.hpp"
#include "installer/install/uninstall.hpp"
#include "loop_disk.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/unit/install/workshop.hpp"

namespace eb {
namespace {

using namespace test;

using Snapshot = std::map<std::string, std::string>;

/// The process ends when everything is unpacked, and before it is synced.
class KilledSys final : public ForwardingSys {
 public:
  int mkdirat(int dir, const char* path, mode_t mode) override {
    if (std::string_view(path) == kBundleDir) _exit(9);
    return ForwardingSys::mkdirat(dir, path, mode);
  }
};

/// What is done, from which state to which. "" = no release is active.
struct Scenario {
  std::string name;
  std::function<void()> prepare;
  std::function<void(Sys&)> act;
  std::string before;
  std::string after;
  std::set<std::string> gone = {};  ///< releases that a success has removed
  std::string damaged = "";         ///< the release that a success has repaired
};

struct Tally {
  size_t points = 0, before = 0, after = 0, broken = 0, lost = 0, stuck = 0;

  Tally& operator+=(const Tally& other) {
    points += other.points, before += other.before, after += other.after;
    broken += other.broken, lost += other.lost, stuck += other.stuck;
    return *this;
  }
  bool is_good() const { return broken == 0 && lost == 0 && stuck == 0; }
};

class PowerCuts {
 public:
  PowerCuts() {
    // A worker more would make no difference but in the order of operations.
    shop_.options.jobs = 1;
    shop_.options.wait_seconds = 1;
    // A machine that knows itself again after a boot.
    shop_.host.machine_id = "machine";
    shop_.host.node = "node7";
    shop_.host.boot_id = "boot before the cut";
    fs::create_directory(shop_.prefix());
    for (const char* text : {"one", "two"}) bundles_[text] = shop_.make(text);
    bundles_["image"] = make_with_image_program();
    for (const char* text : {"one", "two"}) {
      names_[text] = install(text).release;
      remember(names_[text], snapshot(shop_.scratch.path() / (std::string("tree-") + text)));
    }
    names_["image"] = install("image").release;
    remember(names_["image"], release_snapshot(shop_.release(names_["image"])));
    fs::remove_all(shop_.prefix());
    fs::create_directory(shop_.prefix());
  }

  std::vector<Scenario> scenarios() {
    const std::string one = names_["one"];
    const std::string two = names_["two"];
    const auto put = [this](const char* text) {
      return [this, text](Sys& sys) { install(text, sys); };
    };
    const auto nothing = [] {};
    const auto has_one = [this] { install("one"); };
    const auto has_both = [this] {
      install("one");
      install("two");
    };
    // What the killed run wrote nobody has synced; the next one takes it over.
    const auto resume = [this](Sys& sys) {
      const pid_t child = fork();
      if (child == 0) {
        shop_.host.pid = getpid();
        KilledSys killed;
        try {
          install("two", killed);
        } catch (...) {
          _exit(8);
        }
        _exit(0);
      }
      waitpid(child, nullptr, 0);
      install("two", sys);
    };
    const auto roll = [this](Sys& sys) {
      rollback(sys, open_prefix(sys, shop_.prefix().string()), names_["one"], shop_.host,
               shop_.silence, shop_.stop);
    };
    const auto remove = [this](UninstallOptions options) {
      return [this, options](Sys& sys) {
        uninstall(sys, open_prefix(sys, shop_.prefix().string()), options, shop_.host,
                  shop_.silence, shop_.stop);
      };
    };
    const auto has_damage = [this] {
      install("one");
      damage(shop_.release(names_["one"]));
    };
    const auto mend = [this](Sys& sys) {
      const auto source = open_bundle_file(sys, bundles_["one"].string());
      const VerifiedBundle bundle = shop_.open(*source);
      repair(sys, *source, bundle, open_prefix(sys, shop_.prefix().string()), {}, shop_.trust(),
             shop_.host, shop_.silence, shop_.stop);
    };
    return {{"first install", nothing, put("one"), "", one},
            {"upgrade", has_one, put("two"), one, two},
            {"resume of a killed upgrade", has_one, resume, one, two},
            {"install of what is there", has_both, put("one"), two, one},
            {"install as an image", has_one, put("image"), one, names_["image"]},
            {"repair", has_damage, mend, one, one, {}, one},
            {"rollback", has_both, roll, two, one},
            {"uninstall of the older", has_both, remove({.release = one}), two, two, {one}},
            {"uninstall of all", has_both, remove({.all = true}), two, "", {one, two}}};
  }

  // As a machine whose kernel cannot be trusted with syncfs: every file and folder by itself.
  void use_old_kernel(bool old) { shop_.host.kernel = old ? "4.18.0" : kernel_; }

  Tally run(const Scenario& scenario, size_t step, Omit omit, size_t last_only = 0) {
    const fs::path base = image("base");
    LoopDisk::format(base);
    {
      const LoopDisk disk(base, shop_.prefix());
      scenario.prepare();
      damaged_.clear();
      if (!scenario.damaged.empty()) damaged_ = release_snapshot(shop_.release(scenario.damaged));
    }
    const size_t total = count(scenario, base, omit);
    Tally tally;
    const size_t first = last_only == 0 || last_only >= total ? 1 : total - last_only;
    // The last operation always: success is reported right behind it.
    std::set<size_t> points = {total};
    for (size_t at = first; at <= total; at += step) points.insert(at);
    for (const size_t at : points) tally += cut(scenario, base, at, omit);
    std::printf(
        "%-26s %4zu operations, %4zu cuts: %zu before, %zu after, %zu broken, %zu lost, %zu "
        "stuck\n",
        scenario.name.c_str(), total, tally.points, tally.before, tally.after, tally.broken,
        tally.lost, tally.stuck);
    std::fflush(stdout);
    return tally;
  }

 private:
  // What an environment in image form starts programs by.
  fs::path make_with_image_program() {
    const fs::path tree = shop_.scratch.path() / "tree-image";
    fill_tree(tree, "image");
    write_text(tree / kImageProgram, "#!/bin/sh\nexit 3\n", true);
    return shop_.pack(tree);
  }

  InstallReport install(const std::string& text, Sys& sys = real_sys()) {
    shop_.options.form = text == "image" ? ReleaseForm::kImage : ReleaseForm::kTree;
    return shop_.install_file(bundles_.at(text), sys, shop_.silence);
  }

  // Something of everything: content, a mode, a link, a folder, what is gone, a note of the bundle.
  static void damage(const fs::path& root) {
    write_text(root / "lib/libbig.so.1", "wrong");
    write_text(root / ".bundle/index", "wrong");
    fs::permissions(root / "lib/empty", fs::perms(0600));
    fs::remove(root / "bin/python");
    fs::remove(root / "lib/libbig.so");
    fs::create_symlink("elsewhere", root / "lib/libbig.so");
    fs::remove_all(root / "etc");
    fs::remove_all(root / "lib/many");
    write_text(root / "lib/many", "a file in the place of a folder");
  }

  fs::path image(const std::string& name) const { return shop_.scratch.path() / (name + ".ext4"); }

  size_t count(const Scenario& scenario, const fs::path& base, Omit omit) {
    copy_image(base, image("count"));
    const LoopDisk disk(image("count"), shop_.prefix());
    CutSys sys(disk, SIZE_MAX, omit);
    scenario.act(sys);
    return sys.operations();
  }

  Tally cut(const Scenario& scenario, const fs::path& base, size_t at, Omit omit) {
    copy_image(base, image("cut"));
    bool succeeded = false;
    {
      const LoopDisk disk(image("cut"), shop_.prefix());
      CutSys sys(disk, at, omit);
      try {
        scenario.act(sys);
        succeeded = true;
      } catch (const Error&) {
        // The disk is gone.
      }
    }
    Tally out;
    out.points = 1;
    // The machine boots again.
    const std::string boot = std::exchange(shop_.host.boot_id, "boot after the cut");
    const LoopDisk disk(image("cut"), shop_.prefix());
    const std::string problem = problem_of(scenario, succeeded, out);
    if (problem.empty() && omit == Omit::kNothing) out.stuck = finish(scenario) ? 0 : 1;
    if ((!problem.empty() || out.stuck > 0) && omit == Omit::kNothing) {
      std::printf("%s, cut after operation %zu: %s\n", scenario.name.c_str(), at,
                  problem.empty() ? "the next run does not finish" : problem.c_str());
    }
    shop_.host.boot_id = boot;
    return out;
  }

  std::string problem_of(const Scenario& scenario, bool succeeded, Tally& out) const {
    const std::string current = shop_.current();
    const auto is_whole = [&](const std::string& name) {
      try {
        if (!has_its_notes(name, !succeeded && name == scenario.damaged)) return false;
        const auto found = release_snapshot(shop_.release(name));
        return found == trees_.at(name) ||
               (!succeeded && name == scenario.damaged && is_between(found, trees_.at(name)));
      } catch (const std::exception&) {
        return false;  // unreadable
      }
    };
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(shop_.prefix() / "releases", error)) {
      const std::string name = entry.path().filename();
      if (name.starts_with('.')) continue;
      if (!is_whole(name)) return ++out.broken, name + " is not whole";
      if (succeeded && scenario.gone.contains(name)) return ++out.lost, name + " is back";
    }
    if (!current.empty() && !fs::exists(shop_.release(current))) {
      return ++out.broken, "current leads nowhere";
    }
    if (current == scenario.after) return ++out.after, "";
    if (current != scenario.before) return ++out.broken, "current is '" + current + "'";
    if (succeeded) return ++out.lost, "success was reported, current is '" + current + "'";
    return ++out.before, "";
  }

  // What .bundle holds is right; `may_be_damaged`: or as damage() left it.
  bool has_its_notes(const std::string& name, bool may_be_damaged) const {
    const fs::path folder = shop_.release(name) / kBundleDir;
    return parse_receipt(read_text(folder / kReceiptFile)).has_value() &&
           std::ranges::all_of(notes_.at(name), [&](const auto& item) {
             const std::string text = read_text(folder / item.first);
             return text == item.second || (may_be_damaged && text == "wrong");
           });
  }

  void remember(const std::string& name, Snapshot tree) {
    for (const auto& entry : fs::directory_iterator(shop_.release(name) / kBundleDir)) {
      const std::string file = entry.path().filename();
      // Each install has a receipt of its own.
      if (file != kReceiptFile) notes_[name][file] = read_text(entry.path());
    }
    trees_[name] = std::move(tree);
  }

  // Of a release under repair: nothing is there that is neither as it was damaged nor right, and
  // what was right is there.
  bool is_between(const Snapshot& found, const Snapshot& right) const {
    const auto is_in = [](const Snapshot& tree, const auto& item) {
      const auto at = tree.find(item.first);
      return at != tree.end() && at->second == item.second;
    };
    const auto is_known = [&](const auto& item) {
      return is_in(right, item) || is_in(damaged_, item);
    };
    const auto is_kept = [&](const auto& item) {
      return !is_in(damaged_, item) || is_in(found, item);
    };
    return std::ranges::all_of(found, is_known) && std::ranges::all_of(right, is_kept);
  }

  // The same command again: what there is to do is done, and nothing is left over.
  bool finish(const Scenario& scenario) {
    const int64_t now = std::exchange(shop_.host.now, shop_.host.now + 7200);
    bool good = true;
    try {
      scenario.act(real_sys());
    } catch (const Error& error) {
      // A release that is gone already cannot be removed again.
      good = !scenario.gone.empty() && error.code() == ExitCode::kUsage;
      if (!good) std::cout << render_error("again", error);
    }
    shop_.host.now = now;
    Tally ignored;
    const std::string problem = problem_of(scenario, true, ignored);
    if (!problem.empty()) std::printf("again: %s\n", problem.c_str());
    return good && problem.empty();
  }

  Workshop shop_;
  std::string kernel_ = shop_.host.kernel;
  std::map<std::string, fs::path> bundles_;
  std::map<std::string, std::string> names_;
  std::map<std::string, Snapshot> trees_;
  std::map<std::string, std::map<std::string, std::string>> notes_;  ///< files of .bundle, by name
  Snapshot damaged_;  ///< of the scenario's release before its repair
};

int run_all(size_t step) {
  PowerCuts cuts;
  Tally all;
  for (const bool old_kernel : {false, true}) {
    cuts.use_old_kernel(old_kernel);
    std::printf("%s\n",
                old_kernel ? "durable by fsync of every file and folder:" : "durable by syncfs:");
    for (const Scenario& scenario : cuts.scenarios())
      all += cuts.run(scenario, step, Omit::kNothing);
  }
  std::printf("%zu cuts: %zu before, %zu after, %zu broken, %zu lost, %zu stuck\n", all.points,
              all.before, all.after, all.broken, all.lost, all.stuck);
  // Whoever finds nothing here would find nothing there either.
  bool controls_found = true;
  const std::pair<Omit, const char*> controls[] = {{Omit::kFileSyncs, "no sync of files:"},
                                                   {Omit::kFolderSyncs, "no sync of folders:"},
                                                   {Omit::kAllSyncs, "no sync at all:"}};
  cuts.use_old_kernel(false);
  for (const auto& [omit, text] : controls) {
    std::printf("%s\n", text);
    Tally found;
    for (const Scenario& scenario : cuts.scenarios()) {
      if (scenario.name == "first install" || scenario.name.ends_with("upgrade")) {
        found += cuts.run(scenario, 1, omit, 40);
      }
    }
    if (found.broken + found.lost == 0) {
      std::printf("FAILED  the negative control was not found\n");
      controls_found = false;
    }
  }
  const bool enough = !is_exhaustive() || all.points >= 1000;
  if (!enough) std::printf("FAILED  fewer than 1000 cuts\n");
  return all.is_good() && controls_found && enough ? 0 : 1;
}

}  // namespace
}  // namespace eb

int main(int argc, char** argv) {
  size_t step = eb::test::extent(4, 1);
  if (argc == 3 && std::string_view(argv[1]) == "--step") step = std::stoul(argv[2]);
  if (const std::string obstacle = eb::test::LoopDisk::obstacle(); !obstacle.empty()) {
    std::printf("skipped: %s\n", obstacle.c_str());
    return 77;
  }
  try {
    return eb::run_all(step);
  } catch (const eb::Error& error) {
    std::cout << eb::render_error("power_cut", error);
  } catch (const std::exception& error) {
    std::printf("FAILED  %s\n", error.what());
  }
  return 1;
}
