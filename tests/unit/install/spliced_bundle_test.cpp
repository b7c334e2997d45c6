#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "hand_made_bundle.hpp"
#include "tests/support/faulty_sys.hpp"

// Bundles put together from parts of others, and copies that lost something on the way: each part
// is what its publisher signed, the whole is not.

namespace eb {
namespace {

using namespace test;

std::map<std::string, std::string> files_of(const std::string& text) {
  std::string big;
  for (int i = 0; i < 6000; ++i) big += text + " " + std::to_string(i * i) + "\n";
  return {{"bin/", ""}, {"bin/tool", "#!/bin/sh\n"}, {"lib/", ""}, {"lib/big", big}};
}

/// A signed bundle in pieces: what stands before the data, and the frames.
struct Parts {
  std::string head;
  std::vector<std::string> frames;

  Parts(Workshop& shop, const std::string& text) {
    HandMadeBundle bundle(shop, files_of(text), 16384);
    const std::string data = read_text(bundle.write(shop));
    size_t data_size = 0;
    for (const Blob& frame : bundle.frames) {
      frames.emplace_back(as_text(frame));
      data_size += frame.size();
    }
    head = data.substr(0, data.size() - data_size);
  }
  std::string whole() const {
    std::string out = head;
    for (const std::string& frame : frames) out += frame;
    return out;
  }
};

struct Shop : Workshop {
  Error refused(const std::string& bytes) {
    const fs::path file = scratch.path() / "spliced.zst";
    write_text(file, bytes);
    const Error error = thrown_error([&] { install_file(file); });
    CHECK(!fs::exists(prefix()));
    return error;
  }
  InstallReport install_stream(int fd) {
    const auto source = open_bundle_stream(real_sys(), fd, stop);
    const VerifiedBundle verified = open(*source);
    InstallPlan plan = plan_install(real_sys(), verified, host, options, true, silence);
    return install(real_sys(), *source, verified, std::move(plan), trust(), host, options, silence,
                   stop);
  }
};

TEST_CASE("F012 a frame of an older bundle in a newer one") {
  Shop shop;
  // The same length of text, so that raw sizes agree; each frame is validly signed where it is
  // from.
  const Parts older(shop, "release-1");
  const Parts newer(shop, "release-2");
  REQUIRE(older.frames.size() == newer.frames.size());
  size_t tried = 0;
  for (size_t i = 0; i < newer.frames.size(); ++i) {
    if (older.frames[i] == newer.frames[i]) continue;
    Parts mixed = newer;
    mixed.frames[i] = older.frames[i];
    const Error error = shop.refused(mixed.whole());
    const bool same_length = older.frames[i].size() == newer.frames[i].size();
    // Of another length, the file is not as long as its prologue says.
    CHECK(error.code() == (same_length ? ExitCode::kDigestMismatch : ExitCode::kMalformed));
    // Cut or filled to the right length, only the digest is left to tell.
    mixed.frames[i].resize(newer.frames[i].size());
    CHECK(shop.refused(mixed.whole()).code() == ExitCode::kDigestMismatch);
    ++tried;
  }
  CHECK(tried > 1);
}

TEST_CASE("F013 the index of one bundle before the frames of another") {
  Shop shop;
  const Parts one(shop, "release-1");
  const Parts two(shop, "release-2");
  Parts mixed = one;
  mixed.frames = two.frames;
  std::string bytes = mixed.whole();
  bytes.resize(one.whole().size());  // so that the length alone does not tell
  const Error error = shop.refused(bytes);
  CHECK(error.code() == ExitCode::kDigestMismatch);
  CHECK(std::string(error.what()).ends_with(" does not match its digest"));
  // Index of one, signatures of the other: both have the same size here.
  std::string head = one.head;
  const std::string signatures = two.head.substr(two.head.size() - 200);
  head.replace(head.size() - 200, 200, signatures);
  CHECK(shop.refused(head + one.whole().substr(head.size())).code() == ExitCode::kUntrusted);
}

TEST_CASE("F022 an archive in the tree is a file, and nothing opens it") {
  Workshop shop;
  const fs::path tree = shop.scratch.path() / "archives";
  // Each begins as its kind does and would be refused by a reader of it.
  const std::map<std::string, std::string> archives = {
      {"share/bomb.zip", "PK\x03\x04" + std::string(3000, '\xFF')},
      {"share/bomb.tar", std::string("../../etc/passwd") + std::string(496, '\0')},
      {"share/bomb.gz", "\x1f\x8b\x08" + std::string(3000, '\xAA')},
      {"share/bomb.deb", "!<arch>\ndebian-binary   99999999999"},
      {"share/bomb.zst", std::string(as_text(compress_frame(Blob(50u << 20))))},
      {"share/bundle.zst", read_text(shop.make("one"))},
  };
  for (const auto& [path, content] : archives) write_text(tree / path, content);
  const InstallReport report = shop.install_file(shop.pack(tree));
  CHECK(release_snapshot(shop.release(report.release)) == snapshot(tree));
  for (const auto& [path, content] : archives) {
    CHECK(read_text(shop.release(report.release) / path) == content);
  }
}

TEST_CASE("F028 a bundle that was split: every wrong way to put it together") {
  Shop shop;
  const std::string whole = Parts(shop, "split").whole();
  const Parts other(shop, "other");
  const size_t third = whole.size() / 3;
  const std::string a = whole.substr(0, third);
  const std::string b = whole.substr(third, third);
  const std::string c = whole.substr(2 * third);
  const std::pair<std::string, ExitCode> wrong[] = {
      {a, ExitCode::kMalformed},              // the first alone
      {b + c, ExitCode::kMalformed},          // the first missing
      {a + c, ExitCode::kMalformed},          // one in the middle missing
      {a + b, ExitCode::kMalformed},          // the last missing
      {a + b + b + c, ExitCode::kMalformed},  // one twice
      {b + a + c, ExitCode::kMalformed},      // exchanged: no bundle begins so
      {c + b + a, ExitCode::kMalformed},
      {a + b + c.substr(0, c.size() - 1), ExitCode::kMalformed},                  // one cut
      {a + c.substr(0, third) + b + c.substr(third), ExitCode::kDigestMismatch},  // right length
      {a + other.whole().substr(third, third) + c, ExitCode::kDigestMismatch},    // of another
  };
  for (const auto& [bytes, code] : wrong) CHECK(shop.refused(bytes).code() == code);
  CHECK(shop.refused(a).why() ==
        "expected " + std::to_string(whole.size()) + " bytes, got " + std::to_string(third));
  // In the right order through a pipe, as `cat PART* | envinstall -` does.
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t writer = fork();
  REQUIRE(writer >= 0);
  if (writer == 0) {
    for (const std::string& part : {a, b, c}) {
      for (size_t at = 0; at < part.size();) {
        const ssize_t put = ::write(ends[1], part.data() + at, part.size() - at);
        if (put <= 0) _exit(1);
        at += static_cast<size_t>(put);
      }
    }
    _exit(0);
  }
  ::close(ends[1]);
  const Fd held(real_sys(), ends[0]);
  const InstallReport report = shop.install_stream(ends[0]);
  CHECK(read_text(shop.release(report.release) / "bin/tool") == "#!/bin/sh\n");
}

TEST_CASE("F029 a copy with holes where blocks of it got lost") {
  Shop shop;
  const Parts parts(shop, "holes");
  const std::string whole = parts.whole();
  REQUIRE(whole.size() > parts.head.size() + 3 * 4096);
  // A block of zeros at every place of the data: of the size of a sector, and of a page.
  for (const size_t block : {size_t{512}, size_t{4096}}) {
    for (size_t at = parts.head.size(); at + block <= whole.size(); at += block * 3) {
      std::string copy = whole;
      copy.replace(at, block, block, '\0');
      CHECK(shop.refused(copy).code() == ExitCode::kDigestMismatch);
    }
  }
  // The file system's own hole, at the end: what a copy looks like whose last blocks never came.
  const fs::path file = shop.scratch.path() / "spliced.zst";
  write_text(file, whole.substr(0, whole.size() - 5000));
  fs::resize_file(file, whole.size());
  CHECK(thrown_error([&] { shop.install_file(file); }).code() == ExitCode::kDigestMismatch);
  CHECK(!fs::exists(shop.prefix()));
}

}  // namespace
}  // namespace eb
