#include "installer/image/image_reader.hpp"

#include <fcntl.h>

#include <algorithm>

#include "installer/image/image_writer.hpp"
#include "tests/support/faulty_sys.hpp"
#include "workshop.hpp"

namespace eb {
namespace {

using namespace test;

Entry entry_of(const std::string& path, EntryType type, const std::string& text = "") {
  Entry out{.path = RelPath(path), .type = type, .digest = {}, .target = {}};
  if (type == EntryType::kFile) out.size_bytes = text.size();
  if (type == EntryType::kSymlink) out.target = text;
  return out;
}

/// An image of a small tree, and the index that it was made from.
struct Image {
  MemoryDir dir;
  Index index;
  Fd fd;

  Image() {
    index.meta = {{"epoch", "1700000000"}};
    index.entries = {entry_of("bin", EntryType::kDirectory),
                     entry_of("bin/tool", EntryType::kFile, "#!/bin/sh\n"),
                     entry_of("empty", EntryType::kFile),
                     entry_of("link", EntryType::kSymlink, "bin/tool")};
    index.entries[1].executable = true;
    fd = open_at(real_sys(), AT_FDCWD, path().c_str(), O_RDWR | O_CREAT, 0600, "image");
    ImageWriter writer(real_sys(), fd.get(), index, 1, "image");
    writer.content(1, 0, as_bytes("#!/bin/sh\n"));
    writer.content(2, 0, {});
    writer.finish();
  }
  std::string path() const { return (dir.path() / "image").string(); }

  /// "PATH: DETAIL" of what differs from another index, sorted.
  std::vector<std::string> compared_with(const Index& other) const {
    std::vector<std::string> out;
    for (const auto& found : ImageReader(real_sys(), fd.get(), "image").compare(other)) {
      out.push_back(found.path + ": " + found.detail);
    }
    std::ranges::sort(out);
    return out;
  }
  std::vector<std::string> with(const std::function<void(Index&)>& change) const {
    Index other = index;
    change(other);
    return compared_with(other);
  }
};

using Lines = std::vector<std::string>;

TEST_CASE("an image is compared with its index in everything but content") {
  const Image image;
  CHECK(image.compared_with(image.index).empty());
  CHECK(image.with([](Index& i) { i.entries[1].executable = false; }) ==
        Lines{"bin/tool: mode 0644 is now 0755"});
  CHECK(image.with([](Index& i) { i.entries[1].size_bytes = 11; }) ==
        Lines{"bin/tool: 11 bytes are now 10"});
  CHECK(image.with([](Index& i) { i.entries[3].target = "bin"; }) ==
        Lines{"link: leads to bin/tool instead of bin"});
  CHECK(image.with([](Index& i) { i.entries[0].type = EntryType::kFile; }) ==
        Lines{"bin: now of another type"});
  CHECK(image.with([](Index& i) { i.entries[2].type = EntryType::kDirectory; }) ==
        Lines{"empty: now of another type"});
  CHECK(image.with([](Index& i) { i.entries[2].type = EntryType::kSymlink; }) ==
        Lines{"empty: now of another type"});
  CHECK(image.with([](Index& i) { i.entries[3].type = EntryType::kFile; }) ==
        Lines{"link: now of another type"});
}

TEST_CASE("what an image lacks and what it has besides is told") {
  const Image image;
  CHECK(image.with([](Index& i) { i.entries.push_back(entry_of("more", EntryType::kFile)); }) ==
        Lines{"more: not there"});
  CHECK(image.with([](Index& i) { i.entries.erase(i.entries.begin() + 2); }) ==
        Lines{"empty: added"});
  CHECK(image.with([](Index& i) { i.entries.pop_back(); }) == Lines{"link: added"});
  CHECK(image.with([](Index& i) { i.entries[2].path = RelPath("emptz"); }) ==
        Lines{"empty: added", "emptz: not there"});
}

TEST_CASE("only files of an image are read") {
  const Image image;
  const ImageReader reader(real_sys(), image.fd.get(), "image");
  ImageReader::Content content(reader);
  std::string text;
  content.read(RelPath("bin/tool"), [&](Bytes bytes) { text += as_text(bytes); });
  CHECK(text == "#!/bin/sh\n");
  for (const char* path : {"bin", "link", "none"}) {
    const Error error = thrown_error([&] { content.read(RelPath(path), [](Bytes) {}); });
    CHECK(error.code() == ExitCode::kDigestMismatch);
    CHECK(error.why() == "there is no file " + std::string(path));
  }
}

TEST_CASE("a damaged image ends in a difference or an error, wherever the damage is") {
  const Image image;
  const std::string good = read_text(image.path());
  size_t refused = 0;
  for (size_t at = 0; at < good.size(); at += 7) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x5A);
    write_text(image.dir.path() / "bad", bad);
    const Fd fd =
        open_at(real_sys(), AT_FDCWD, (image.dir.path() / "bad").c_str(), O_RDONLY, 0, "bad");
    try {
      const ImageReader reader(real_sys(), fd.get(), "bad");
      reader.compare(image.index);
      ImageReader::Content(reader).read(RelPath("bin/tool"), [](Bytes) {});
    } catch (const Error& error) {
      CHECK((error.code() == ExitCode::kDigestMismatch ||
             error.code() == ExitCode::kUnsupportedFs || error.code() == ExitCode::kInternal ||
             error.code() == ExitCode::kIo));
      ++refused;
    } catch (const std::bad_alloc&) {
      ++refused;  // a size that no machine has memory for
    }
  }
  CHECK(refused > 10);
}

TEST_CASE("F118 an image that cannot be read is an error of the disk and not of the image") {
  const Image image;
  FaultySys sys;
  sys.before = [](const SysCall& call) { return call.name == "pread" ? EIO : 0; };
  const Error error = thrown_error([&] { ImageReader(sys, image.fd.get(), "image"); });
  CHECK(error.code() == ExitCode::kIo);
  // A signal is no error.
  int asked = 0;
  sys.before = [&](const SysCall& call) {
    return call.name == "pread" && ++asked % 2 == 1 ? EINTR : 0;
  };
  CHECK(ImageReader(sys, image.fd.get(), "image").compare(image.index).empty());
}

}  // namespace
}  // namespace eb
