#include "installer/install/existing_release.hpp"

#include <fcntl.h>

#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;

struct Shop : Workshop {
  fs::path bundle = make();
  std::string name = install_file(bundle).release;

  void require() {
    const auto source = open_bundle_file(real_sys(), bundle.string());
    const VerifiedBundle verified = open(*source);
    const Fd root = open_dir_at(real_sys(), AT_FDCWD, prefix().c_str(), "p");
    require_intact(real_sys(), root.get(), prefix().string(), name, verified, 1, silence, stop);
  }
  std::string why() {
    const Error error = thrown_error([&] { require(); });
    CHECK(error.code() == ExitCode::kDigestMismatch);
    CHECK(std::string(error.what()) == "the release is installed, but damaged");
    CHECK(error.where() == release(name).string());
    return error.why();
  }
};

TEST_CASE("a release that is there is used when nothing of it is missing") {
  Shop shop;
  CHECK_NOTHROW(shop.require());
  fs::remove(shop.release(shop.name) / "lib/empty");
  CHECK(shop.why() == "lib/empty: not there");
  fs::remove(shop.release(shop.name) / "lib/libbig.so.1");
  CHECK(shop.why() == "lib/empty: not there, and 1 more");
}

TEST_CASE("a release whose index is not the bundle's is not used") {
  Shop shop;
  const fs::path index = shop.release(shop.name) / ".bundle/index";
  std::string text = read_text(index);
  text.back() = static_cast<char>(text.back() ^ 1);
  fs::permissions(index, fs::perms(0644));
  write_text(index, text);
  CHECK(shop.why() == ".bundle/index: is not the bundle's");
}

}  // namespace
}  // namespace eb
