#include "installer/install/prefix.hpp"
#include "prefix_shop.hpp"

namespace eb {
namespace {

using namespace test;

struct Place {
  MemoryDir dir;
  FaultySys sys;

  std::string at(const std::string& name) const { return (dir.path() / name).string(); }
  PrefixView look(const std::string& path, bool parents = false) {
    return look_at_prefix(sys, path, "", parents);
  }
  Error refused(const std::string& path, bool parents = false) {
    return thrown_error([&] { look(path, parents); });
  }
};

/// As a command in this folder.
class WorkingFolder {
 public:
  explicit WorkingFolder(const fs::path& path) { fs::current_path(path); }
  ~WorkingFolder() { fs::current_path(before_); }
  WorkingFolder(const WorkingFolder&) = delete;
  WorkingFolder& operator=(const WorkingFolder&) = delete;

 private:
  fs::path before_ = fs::current_path();
};

TEST_CASE("F110 what a file system puts into a folder does not make it another's") {
  Place place;
  for (const char* name : {"lost+found", ".snapshot", ".snapshots"}) {
    fs::create_directories(place.at("p/" + std::string(name)));
  }
  write_text(place.at("p/.nfs000000000123"), "");
  const PrefixView view = place.look(place.at("p"));
  CHECK(view.exists);
  CHECK(!view.is_ours);
  write_text(place.at("p/a"), "");
  write_text(place.at("p/b"), "");
  const Error error = place.refused(place.at("p"));
  CHECK(error.code() == ExitCode::kUsage);
  CHECK(error.why() == "it holds a and b, and no mark of envinstall");
}

TEST_CASE("F102 a file in the place of the installer's folder is another's") {
  Place place;
  write_text(place.at("p/.envinstall"), "mine");
  const Error error = place.refused(place.at("p"));
  CHECK(error.code() == ExitCode::kUsage);
  CHECK(error.why() == "it holds .envinstall, and no mark of envinstall");
  // A folder of that name is what an interrupted first run left.
  fs::remove(place.at("p/.envinstall"));
  fs::create_directory(place.at("p/.envinstall"));
  CHECK(!place.look(place.at("p")).is_ours);
  CHECK(!open_prefix(place.sys, place.at("p")).is_ours);
}

TEST_CASE("a name that begins with a dot is no release") {
  Place place;
  make_prefix(place.sys, place.look(place.at("p")));
  fs::create_directories(place.at("p/releases/one"));
  write_text(place.at("p/releases/.nfs0001"), "");
  CHECK(place.look(place.at("p")).releases == std::vector<std::string>{"one"});
}

TEST_CASE("a prefix right below the root folder is named with one slash") {
  Place place;
  const PrefixView view = place.look("/eb-no-such-folder");
  CHECK(!view.exists);
  CHECK(view.path == "/eb-no-such-folder");
  CHECK(view.missing == std::vector<std::string>{"eb-no-such-folder"});
}

TEST_CASE("a prefix that cannot be made is told before anything is made") {
  Place place;
  for (const char* path : {"none/.", "none/.."}) {
    const Error error = place.refused(place.at(path), true);
    CHECK(error.code() == ExitCode::kUsage);
    CHECK(std::string(error.what()) == "the prefix cannot be made");
  }
  const Error error = place.refused(place.at("none/" + std::string(256, 'x')), true);
  CHECK(error.code() == ExitCode::kUsage);
  CHECK(error.hints() == std::vector<std::string>{"give names of at most 255 bytes"});
  CHECK(fs::is_empty(place.dir.path()));
  // A root folder that is not there is a mistake of the machine.
  place.sys.before = [](const SysCall& call) { return call.name == "openat" ? ENOENT : 0; };
  CHECK(std::string(place.refused("/").what()) == "the prefix cannot be made");
  place.sys.before = [](const SysCall& call) { return call.name == "openat" ? EACCES : 0; };
  CHECK(place.refused(place.at("p")).code() == ExitCode::kPermission);
}

TEST_CASE("a folder that appears meanwhile is taken for missing, and found when it is made") {
  Place place;
  fs::create_directory(place.at("p"));
  bool asked = false;
  place.sys.before = [&](const SysCall& call) {
    return call.name == "openat" && !std::exchange(asked, true) ? ENOENT : 0;
  };
  PrefixView view = place.look(place.at("p"));
  CHECK(view.missing == std::vector<std::string>{"p"});
  const Prefix prefix = make_prefix(place.sys, std::move(view));
  CHECK(prefix.made.empty());
  CHECK(fs::exists(place.at("p/.envinstall/id")));
}

TEST_CASE("F120 a prefix is opened again after a signal") {
  Place place;
  fs::create_directory(place.at("p"));
  int asked = 0;
  place.sys.before = [&](const SysCall& call) {
    return call.name == "openat" && ++asked == 1 ? EINTR : 0;
  };
  CHECK(place.look(place.at("p")).exists);
  CHECK(asked > 1);
}

TEST_CASE("without a path the folder is the one that the command runs in") {
  Place place;
  make_prefix(place.sys, place.look(place.at("p")));
  const WorkingFolder here(place.at("p"));
  CHECK(open_prefix(place.sys, "").is_ours);
  CHECK(open_prefix(place.sys, "").path == place.at("p"));
  // And a name without a folder is one inside.
  CHECK(place.look("new").path == place.at("p/new"));
}

TEST_CASE("F124 a folder that knows no sync is durable as it is") {
  Place place;
  const Fd dir = open_dir_at(real_sys(), AT_FDCWD, place.dir.path().c_str(), "d");
  for (const int error : {EINVAL, EOPNOTSUPP, ENOSYS}) {
    place.sys.before = [error](const SysCall& call) { return call.name == "fsync" ? error : 0; };
    CHECK_NOTHROW(sync_directory(place.sys, dir.get(), "d"));
  }
  place.sys.before = [](const SysCall& call) { return call.name == "fsync" ? EIO : 0; };
  const Error error = thrown_error([&] { sync_directory(place.sys, dir.get(), "d"); });
  CHECK(std::string(error.what()) == "cannot make the folder durable");
}

TEST_CASE("undoing a prefix stops at what cannot be undone") {
  // Nothing of the prefix's own was made yet; the folders above cannot go either.
  for (const bool may_remove : {true, false}) {
    Place place;
    place.sys.before = [=](const SysCall& call) {
      if (call.name == "mkdirat" && call.path == ".envinstall") return ENOSPC;
      return call.name == "unlinkat" && !may_remove ? EIO : 0;
    };
    PrefixView view = place.look(place.at("a/p"), true);
    CHECK_THROWS_AS(make_prefix(place.sys, std::move(view)), Error);
    CHECK(fs::exists(place.at("a")) == !may_remove);
  }
  // All was made, and then what was made is not to be listed, or not to be removed.
  for (const std::string call_name : {"", "list", "unlinkat"}) {
    Place place;
    Prefix prefix = make_prefix(real_sys(), place.look(place.at("a/p"), true));
    place.sys.before = [&](const SysCall& call) {
      const bool is_above = call.path.ends_with("/p");
      return call.name == call_name && (call_name == "list" || is_above) ? EIO : 0;
    };
    unmake_prefix(place.sys, prefix);
    CAPTURE(call_name);
    CHECK(fs::exists(place.at("a")) == !call_name.empty());
    CHECK(fs::exists(place.at("a/p/.envinstall")) == (call_name == "list"));
  }
}

}  // namespace
}  // namespace eb
