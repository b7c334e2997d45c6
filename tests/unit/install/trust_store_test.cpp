#include "installer/install/trust_store.hpp"

#include <unistd.h>

#include "installer/install/trust_anchors.hpp"
#include "installer/install/trust_file.hpp"
#include "tests/support/faulty_sys.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;

std::string line(const TestSigner& signer, const std::string& who = "me") {
  return who + " " + signer.key().authorized_line() + "\n";
}

struct Shop {
  MemoryDir dir;
  NullSink events;
  TestSigner a = TestSigner::ed25519(1), b = TestSigner::ed25519(2), c = TestSigner::ed25519(3);
  TrustSettings settings;

  Shop() { settings.uid = getuid(); }
  std::string file(const std::string& name, const std::string& text) {
    write_text(dir.path() / name, text);
    return (dir.path() / name).string();
  }
  TrustStore load() { return TrustStore::load(real_sys(), settings, events); }
  Error refused() {
    return thrown_error([&] { load(); });
  }
};

TEST_CASE("defaults: the user's file before the site's, and the installer's anchors") {
  Shop shop;
  shop.settings.site_file = shop.file("site", line(shop.b));
  shop.settings.anchors = line(shop.c);
  TrustStore store = shop.load();
  CHECK(store.policy().signers.size() == 2);
  CHECK(store.policy().origin == shop.settings.site_file + " and " + kAnchorsOrigin);
  shop.settings.user_file = shop.file("user", line(shop.a));
  store = shop.load();
  REQUIRE(store.policy().signers.size() == 2);
  CHECK(store.policy().signers[0].key == shop.a.key());
  CHECK(store.origin_of({shop.a.key().fingerprint(), "me"}) == shop.settings.user_file);
  CHECK(store.origin_of({shop.c.key().fingerprint(), "me"}) == kAnchorsOrigin);
}

TEST_CASE("nothing is trusted where nobody named a key") {
  Shop shop;
  shop.settings.user_file = (shop.dir.path() / "none").string();
  CHECK(shop.load().empty());
}

TEST_CASE("what the command line names is all that counts") {
  Shop shop;
  shop.settings.user_file = shop.file("user", line(shop.a));
  shop.settings.anchors = line(shop.c);
  shop.settings.allowed_signers = shop.file("named", line(shop.b));
  TrustStore store = shop.load();
  REQUIRE(store.policy().signers.size() == 1);
  CHECK(store.policy().signers[0].key == shop.b.key());
  shop.settings.allowed_signers.reset();
  shop.settings.fingerprints = {shop.b.key().fingerprint()};
  store = shop.load();
  CHECK(store.policy().signers.empty());
  CHECK(store.policy().fingerprints.size() == 1);
  CHECK(store.origin_of({shop.b.key().fingerprint(), ""}) == "--trust");
}

TEST_CASE("F046 a trust file that others may write, a link, or another's") {
  Shop shop;
  const std::string path = shop.file("signers", line(shop.a));
  shop.settings.allowed_signers = path;
  for (const mode_t mode : {0664, 0646, 0666}) {
    REQUIRE(chmod(path.c_str(), mode) == 0);
    const Error error = shop.refused();
    CHECK(error.code() == ExitCode::kUntrusted);
    CHECK(std::string(error.what()) == "others may write the trust file");
  }
  REQUIRE(chmod(path.c_str(), 0600) == 0);
  CHECK_NOTHROW(shop.load());
  fs::create_symlink(path, shop.dir.path() / "link");
  shop.settings.allowed_signers = (shop.dir.path() / "link").string();
  CHECK(shop.refused().code() == ExitCode::kUntrusted);
  // Not the owner of the file: whoever runs this is not user 12345, nor is the file root's then.
  shop.settings.allowed_signers = path;
  shop.settings.uid = 12345;
  if (getuid() != 0) {
    CHECK(shop.refused().code() == ExitCode::kUntrusted);
  } else {
    CHECK_NOTHROW(shop.load());
    REQUIRE(chown(path.c_str(), 54321, 0) == 0);
    const Error error = shop.refused();
    CHECK(error.code() == ExitCode::kUntrusted);
    CHECK(error.why() == "its owner is user 54321, neither you (12345) nor root");
  }
}

TEST_CASE("F046 the defaults are held to the same rule") {
  Shop shop;
  shop.settings.user_file = shop.file("user", line(shop.a));
  REQUIRE(chmod(shop.settings.user_file.c_str(), 0666) == 0);
  CHECK(shop.refused().code() == ExitCode::kUntrusted);
}

TEST_CASE("F036 lists of revoked keys count all of them, whatever the command line names") {
  Shop shop;
  shop.settings.user_revoked = shop.file("user_revoked", line(shop.a).substr(3));
  shop.settings.site_revoked = shop.file("site_revoked", shop.b.key().fingerprint() + "\n");
  shop.settings.fingerprints = {shop.a.key().fingerprint()};
  CHECK(shop.load().policy().revoked.size() == 2);
  shop.settings.fingerprints.clear();
  shop.settings.allowed_signers = shop.file("named", line(shop.b));
  shop.settings.revoked_keys = {shop.file("option", shop.c.key().fingerprint() + "\n")};
  const TrustStore store = shop.load();
  REQUIRE(store.policy().revoked.size() == 3);
  CHECK(store.policy().revoked[0].origin == shop.settings.revoked_keys[0] + ", line 1");
  // A list that somebody names must be there, and be understood.
  shop.settings.revoked_keys = {(shop.dir.path() / "none").string()};
  CHECK(shop.refused().code() == ExitCode::kUsage);
  shop.settings.revoked_keys = {shop.file("option", "what is this\n")};
  CHECK(shop.refused().code() == ExitCode::kUntrusted);
}

TEST_CASE("F046 a list of revoked keys is held to the same rule") {
  Shop shop;
  shop.settings.site_revoked = shop.file("revoked", "# nobody yet\n");
  CHECK(shop.load().policy().revoked.empty());
  REQUIRE(chmod(shop.settings.site_revoked.c_str(), 0666) == 0);
  CHECK(shop.refused().code() == ExitCode::kUntrusted);
  fs::remove(shop.settings.site_revoked);
  fs::create_symlink("nowhere", shop.settings.site_revoked);
  CHECK(shop.refused().code() == ExitCode::kUntrusted);
}

TEST_CASE("a trust file that is none") {
  Shop shop;
  shop.settings.allowed_signers = (shop.dir.path() / "missing").string();
  CHECK(shop.refused().code() == ExitCode::kUsage);
  shop.settings.allowed_signers = shop.dir.path().string();
  CHECK(shop.refused().code() == ExitCode::kUntrusted);
  shop.settings.allowed_signers = shop.file("huge", std::string(2u << 20, '#'));
  CHECK(shop.refused().code() == ExitCode::kUntrusted);
}

TEST_CASE("the option --trust wants a fingerprint") {
  Shop shop;
  for (const std::string text : {"SHA256:short", "abc", "", "MD5:00:11",
                                 "SHA256:0123456789012345678901234567890123456789012="}) {
    shop.settings.fingerprints = {text};
    CHECK(shop.refused().code() == ExitCode::kUsage);
  }
}

TEST_CASE("the section of trust anchors") {
  std::string section(kTrustMagic);
  section.resize(kTrustSectionSize, '\0');
  CHECK(parse_trust_section(as_bytes(section)).empty());
  CHECK(own_trust_anchors().empty());
  std::string stamped = section;
  stamped.replace(kTrustMagic.size(), 5, "text\n");
  CHECK(parse_trust_section(as_bytes(stamped)) == "text\n");
  std::string full(kTrustMagic);
  full.resize(kTrustSectionSize, 'x');
  CHECK(parse_trust_section(as_bytes(full)).size() == kMaxTrustText);

  const auto refused = [](const std::string& bytes) {
    return thrown_error([&] { parse_trust_section(as_bytes(bytes)); }).code();
  };
  CHECK(refused(section.substr(1)) == ExitCode::kUntrusted);
  stamped.back() = 'x';
  CHECK(refused(stamped) == ExitCode::kUntrusted);
  section[3] = 'X';
  CHECK(refused(section) == ExitCode::kUntrusted);
}

TEST_CASE("F119 a trust file that cannot be read is not taken for an empty one") {
  struct Row {
    const char* call;
    int error;
    ExitCode code;
    const char* what;
  };
  const Row rows[] = {
      {"openat", ENOENT, ExitCode::kUsage, "there is no such trust file"},
      {"openat", ENOTDIR, ExitCode::kUsage, "there is no such trust file"},
      {"openat", EACCES, ExitCode::kPermission, "cannot open the trust file"},
      {"openat", EMFILE, ExitCode::kIo, "cannot open the trust file"},
      {"fstat", EIO, ExitCode::kIo, "cannot look at the trust file"},
      {"read", EIO, ExitCode::kIo, "cannot read"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.call, row.error);
    Shop shop;
    const std::string path = shop.file("signers", line(shop.a));
    FaultySys sys;
    sys.before = [&](const SysCall& call) { return call.name == row.call ? row.error : 0; };
    const Error error = thrown_error([&] { read_trust_file(sys, path, getuid()); });
    CHECK(error.code() == row.code);
    CHECK(std::string(error.what()) == row.what);
    CHECK(error.where() == path);
  }
  Shop shop;
  FaultySys sys;
  int tries = 0;
  sys.before = [&](const SysCall& call) {
    return call.name == "openat" && ++tries < 3 ? EINTR : 0;
  };
  CHECK(read_trust_file(sys, shop.file("signers", "# x\n"), getuid()) == "# x\n");
  CHECK(tries == 3);
}

TEST_CASE("F036 a list that nothing can be said of is not left out") {
  Shop shop;
  shop.settings.site_file = shop.file("site", line(shop.a));
  shop.settings.site_revoked = shop.file("revoked", line(shop.a).substr(3));
  for (const std::string& path : {shop.settings.site_file, shop.settings.site_revoked}) {
    for (const int error : {EIO, EACCES, ESTALE, ENOENT, ENOTDIR}) {
      CAPTURE(path, error);
      FaultySys sys;
      sys.before = [&](const SysCall& call) { return call.path == path ? error : 0; };
      const auto load = [&] { return TrustStore::load(sys, shop.settings, shop.events); };
      if (error == ENOENT || error == ENOTDIR) {
        const TrustPolicy policy = load().policy();
        CHECK(policy.signers.size() + policy.revoked.size() == 1);
      } else {
        CHECK(thrown_error(load).where() == path);
      }
    }
  }
}

TEST_CASE("F046 a trust file of root's counts for everybody, one of another user for nobody") {
  Shop shop;
  const std::string path = shop.file("signers", line(shop.a));
  // As fstat tells it: the owner, whoever runs the test.
  struct OwnedBy final : ForwardingSys {
    uid_t owner = 0;
    int fstat(int fd, struct stat* out) override {
      const int result = ForwardingSys::fstat(fd, out);
      out->st_uid = owner;
      return result;
    }
  } sys;
  CHECK(read_trust_file(sys, path, 1000) == line(shop.a));
  sys.owner = 1000;
  CHECK(read_trust_file(sys, path, 1000) == line(shop.a));
  sys.owner = 1001;
  const Error error = thrown_error([&] { read_trust_file(sys, path, 1000); });
  CHECK(error.code() == ExitCode::kUntrusted);
  CHECK(error.why() == "its owner is user 1001, neither you (1000) nor root");
}

TEST_CASE("who named a key is told for keys of files only") {
  Shop shop;
  shop.settings.allowed_signers = shop.file("named", line(shop.a));
  const TrustStore store = shop.load();
  CHECK(store.origin_of({shop.a.key().fingerprint(), "me"}) == *shop.settings.allowed_signers);
  CHECK(store.origin_of({shop.b.key().fingerprint(), "me"}) == "--trust");
}

TEST_CASE("a fingerprint beside a file of keys is told with neither in the other's place") {
  Shop shop;
  shop.settings.allowed_signers = shop.file("named", "a ssh-rsa AAAA\n" + line(shop.a));
  shop.settings.fingerprints = {shop.b.key().fingerprint()};
  EventLog log;
  const TrustStore store = TrustStore::load(real_sys(), shop.settings, log);
  CHECK(store.policy().origin == *shop.settings.allowed_signers);
  CHECK(log.warnings == std::vector<std::string>{*shop.settings.allowed_signers +
                                                 ", line 1: a key of type ssh-rsa cannot sign a "
                                                 "bundle"});
}

}  // namespace
}  // namespace eb
