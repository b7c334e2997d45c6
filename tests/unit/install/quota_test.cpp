#include "installer/install/quota.hpp"

#include "installer/install/history.hpp"
#include "prefix_shop.hpp"
#include "tests/support/forwarding_sys.hpp"

namespace eb {
namespace {

using namespace test;

struct Shop : PrefixShop {
  struct Limits {
    uint64_t soft_files = 0, hard_files = 0, files = 0;
    uint64_t soft_kib = 0, hard_kib = 0, bytes = 0;
  };
  std::map<QuotaKind, Limits> limits;  ///< of a kind that is not here nothing is told

  std::optional<QuotaLeft> read() {
    sys.give_quota = [this](QuotaKind kind, struct dqblk* out) {
      const auto at = limits.find(kind);
      if (at == limits.end()) return -ESRCH;
      *out = {};
      out->dqb_isoftlimit = at->second.soft_files;
      out->dqb_ihardlimit = at->second.hard_files;
      out->dqb_curinodes = at->second.files;
      out->dqb_bsoftlimit = at->second.soft_kib;
      out->dqb_bhardlimit = at->second.hard_kib;
      out->dqb_curspace = at->second.bytes;
      return 0;
    };
    return read_quota(sys, prefix.root.get(), host);
  }
};

TEST_CASE("F117 what is left of a quota goes by the soft limit, and is never below nothing") {
  Shop shop;
  CHECK(!shop.read());
  shop.limits[QuotaKind::kUser] = {};
  CHECK(!shop.read());  // no limit is no quota
  shop.limits[QuotaKind::kUser] = {100, 200, 30, 0, 8, 1024};
  REQUIRE(shop.read());
  CHECK(shop.read()->whose == "user " + std::to_string(shop.host.uid));
  CHECK(shop.read()->inodes == 70u);
  CHECK(shop.read()->bytes == 7u * 1024);
  shop.limits[QuotaKind::kUser] = {100, 200, 130, 0, 0, 1024};
  CHECK(shop.read()->inodes == 0u);
  CHECK(!shop.read()->bytes);
  shop.limits[QuotaKind::kUser] = {0, 0, 130, 0, 8, 8192};
  CHECK(!shop.read()->inodes);
  CHECK(shop.read()->bytes == 0u);
}

TEST_CASE("F117 of the user's and the group's quota the one with fewer files left counts") {
  Shop shop;
  shop.limits[QuotaKind::kUser] = {100, 0, 0, 0, 0, 0};
  shop.limits[QuotaKind::kGroup] = {50, 0, 0, 0, 0, 0};
  CHECK_THAT(shop.read()->whose, Catch::Matchers::StartsWith("group "));
  CHECK(shop.read()->inodes == 50u);
  shop.limits[QuotaKind::kGroup] = {150, 0, 0, 0, 0, 0};
  CHECK(shop.read()->inodes == 100u);
  shop.limits[QuotaKind::kGroup] = {0, 0, 0, 0, 1, 0};  // space alone
  CHECK(shop.read()->inodes == 100u);
  shop.limits.erase(QuotaKind::kUser);
  CHECK_THAT(shop.read()->whose, Catch::Matchers::StartsWith("group "));
}

TEST_CASE("F117 with a setgid bit the group is the folder's") {
  Shop shop;
  shop.limits[QuotaKind::kGroup] = {50, 0, 0, 0, 0, 0};
  struct Setgid final : ForwardingSys {
    using ForwardingSys::ForwardingSys;
    uint32_t asked = 0;
    int fstat(int fd, struct stat* out) override {
      const int result = ForwardingSys::fstat(fd, out);
      out->st_gid = 4321;
      out->st_mode |= S_ISGID;
      return result;
    }
    int get_quota(int, QuotaKind kind, uint32_t id, struct dqblk* out) override {
      if (kind == QuotaKind::kUser) return -ESRCH;
      asked = id;
      *out = {};
      out->dqb_ihardlimit = 9;
      return 0;
    }
  } sys;
  const auto quota = read_quota(sys, shop.prefix.root.get(), shop.host);
  REQUIRE(quota);
  CHECK(quota->whose == "group 4321");
  CHECK(sys.asked == 4321u);
}

TEST_CASE("lines of a log that are none are counted and left out") {
  size_t skipped = 0;
  const std::string log =
      "2026-01-02T03:04:05Z installed a id 1 uid 7 with --allow-downgrade\n"
      "2026-01-02T03:04:06Z activated b id 2\n"
      "2026-01-02T03:04:07Z rolled back to a id 1 from b uid 7\n"
      "2026-01-02T03:04:08Z rolled back to a id 1 from none uid x\n"
      "2026-01-02T03:04:09Z repaired a\n"
      "2026-01-02T03:04:10Z installed\n"
      "2026-01-02T03:04:11Z painted a\n"
      "yesterday installed a\n"
      "2026-1-2T3:4:5Z installed a\n"
      "2026-01-02T03:04:05Zx installed a\n"
      "\n   \n";
  const auto events = parse_history(log, &skipped);
  REQUIRE(events.size() == 5);
  CHECK(skipped == 5);
  CHECK(events[0].exceptions == std::vector<std::string>{"--allow-downgrade"});
  CHECK(events[0].uid == 7u);
  CHECK(events[2].what == "rolled back");
  CHECK(events[2].previous == "b");
  CHECK(events[3].previous.empty());
  CHECK(!events[3].uid);
  CHECK(parse_history(log, nullptr).size() == 5);
}

TEST_CASE("a release is active from its activation to that of another") {
  const auto times = active_times(
      parse_history("2026-01-02T03:04:05Z installed a\n2026-01-02T03:04:06Z repaired a\n"
                    "2026-01-02T03:04:07Z activated a\n2026-01-02T03:04:08Z activated b\n"
                    "2026-01-02T03:04:09Z rolled back to a id 1\n",
                    nullptr));
  REQUIRE(times.size() == 2);
  CHECK(times.at("a").since == parse_utc_text("2026-01-02T03:04:09Z"));
  CHECK(!times.at("a").until);
  CHECK(times.at("b").since == parse_utc_text("2026-01-02T03:04:08Z"));
  CHECK(times.at("b").until == parse_utc_text("2026-01-02T03:04:09Z"));
}

}  // namespace
}  // namespace eb
