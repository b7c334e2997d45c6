#include <algorithm>

#include "hand_made_bundle.hpp"
#include "installer/install/bundle_check.hpp"
#include "installer/install/frame_pipeline.hpp"

// Signed bundles whose frames are wrong: each rule of FORMAT §4 and §7 by itself.

namespace eb {
namespace {

using namespace test;

std::map<std::string, std::string> some_files() {
  std::string text;
  for (int i = 0; i < 4000; ++i) text += "line " + std::to_string(i * i) + "\n";
  return {{"bin/", ""},        {"bin/tool", "#!/bin/sh\n"}, {"lib/", ""},
          {"lib/big", text},   {"lib/empty", ""},           {"lib/x", "x"},
          {"lib/y", "yyyyyyy"}};
}

struct Shop : Workshop {
  HandMadeBundle bundle{*this, some_files(), 8192};

  Error refused() {
    const fs::path file = bundle.write(*this);
    const Error by_install = thrown_error([&] { install_file(file); });
    CHECK(!fs::exists(prefix()));
    const Error by_check = thrown_error([&] {
      const auto source = open_bundle_file(real_sys(), file.string());
      const VerifiedBundle verified = open(*source);
      check_bundle(*source, verified, 2, silence, stop);
    });
    CHECK(by_check.code() == by_install.code());
    return by_install;
  }
};

TEST_CASE("a bundle made by hand is as good as a packed one") {
  Shop shop;
  REQUIRE(shop.bundle.frames.size() > 3);
  const InstallReport report = shop.install_file(shop.bundle.write(shop));
  for (const auto& [path, content] : some_files()) {
    if (!path.ends_with('/')) CHECK(read_text(shop.release(report.release) / path) == content);
  }
}

TEST_CASE("F015 a window above the limit") {
  Shop shop;
  // Long enough that zstd keeps the window that was asked for.
  const Blob large(65u << 20);
  Blob frame = compress_frame(large, {.window_log = 27});
  shop.bundle.set_frame(1, frame);
  const Error error = shop.refused();
  CHECK(error.code() == ExitCode::kMalformed);
  CHECK(std::string(error.what()) == "frame 1 breaks the format's rules");
}

TEST_CASE("F015 a window of terabytes is refused without allocating") {
  Shop shop;
  // Magic, descriptor (8-byte content size), window byte 0xFF = 3.75 TB, content size, empty block.
  std::string frame("\x28\xB5\x2F\xFD\xC4\xFF", 6);
  const uint64_t size = shop.bundle.index.frames[1].raw_size;
  frame.append(reinterpret_cast<const char*>(&size), 8);
  frame.append("\x01\x00\x00", 3);
  frame.append("\x00\x00\x00\x00", 4);
  shop.bundle.set_frame(1, Blob(as_bytes(frame).begin(), as_bytes(frame).end()));
  const Error error = shop.refused();
  CHECK(error.code() == ExitCode::kMalformed);
  CHECK(error.why() == "its header is refused: Frame requires too much memory for decoding");
}

TEST_CASE("F016 F017 a frame that states another size than the index") {
  for (const size_t wrong : {size_t{8191}, size_t{8193}, size_t{0}, size_t{100'000}}) {
    Shop shop;
    shop.bundle.set_frame(1, compress_frame(Blob(wrong)));
    const Error error = shop.refused();
    CHECK(error.code() == ExitCode::kMalformed);
    CHECK(error.why() == "it states " + std::to_string(wrong) + " bytes, the index 8192");
  }
}

TEST_CASE("F016 a frame that states the right size and decodes to another") {
  Shop shop;
  // The content size is in bytes 5-6 of a frame of this size: 2 bytes, less 256 (RFC 8878 3.1.1.1).
  Blob frame = compress_frame(Blob(8000));
  REQUIRE((std::to_integer<int>(frame[4]) >> 6) == 1);
  const uint16_t stated = 8192 - 256;
  const size_t at = (std::to_integer<int>(frame[4]) & 0x20) != 0 ? 5 : 6;
  frame[at] = static_cast<std::byte>(stated & 0xFF);
  frame[at + 1] = static_cast<std::byte>(stated >> 8);
  shop.bundle.set_frame(1, frame);
  const Error error = shop.refused();
  CHECK(error.code() == ExitCode::kDigestMismatch);
  CHECK(std::string(error.what()) == "frame 1 does not decode to what the index says");
}

TEST_CASE("a frame that does not state its size, or has no checksum") {
  for (const FrameRecipe recipe :
       {FrameRecipe{.content_size = false}, FrameRecipe{.checksum = false}}) {
    Shop shop;
    shop.bundle.set_frame(1, compress_frame(shop.bundle.raw(1), recipe));
    const Error error = shop.refused();
    CHECK(error.code() == ExitCode::kMalformed);
    CHECK(error.why() == (recipe.checksum ? "it does not state its size" : "it has no checksum"));
  }
}

TEST_CASE("F018 a frame that wants a dictionary") {
  Shop shop;
  // Descriptor 0x60|1: two size bytes, single segment, one dictionary byte.
  Blob frame = compress_frame(shop.bundle.raw(1));
  frame[4] = frame[4] | std::byte{1};
  frame.insert(frame.begin() + ((std::to_integer<int>(frame[4]) & 0x20) != 0 ? 5 : 6),
               std::byte{7});
  shop.bundle.set_frame(1, frame);
  const Error error = shop.refused();
  CHECK(error.code() == ExitCode::kMalformed);
  CHECK(error.why() == "it wants a dictionary");
}

TEST_CASE("F019 F020 legacy, skippable and unknown frames") {
  for (const std::string& magic : {std::string("\x27\xB5\x2F\xFD"), std::string("\x50\x2A\x4D\x18"),
                                   std::string("PK\x03\x04"), std::string("\xFD\x2F\xB5\x1E")}) {
    Shop shop;
    std::string frame = magic + std::string("\x08\x00\x00\x00", 4) + std::string(8, '\0');
    shop.bundle.set_frame(1, Blob(as_bytes(frame).begin(), as_bytes(frame).end()));
    CHECK(shop.refused().code() == ExitCode::kMalformed);
  }
}

TEST_CASE("F020 bytes or frames after a frame's end") {
  Shop shop;
  for (int kind = 0; kind < 3; ++kind) {
    Blob frame = compress_frame(shop.bundle.raw(1));
    const Blob more = kind == 0   ? Blob(1)
                      : kind == 1 ? compress_frame(Bytes())
                                  : skippable_header(0);
    frame.insert(frame.end(), more.begin(), more.end());
    shop.bundle.set_frame(1, frame);
    const Error error = shop.refused();
    CHECK(error.code() == ExitCode::kMalformed);
    CHECK_THAT(error.why(), Catch::Matchers::EndsWith("bytes after its end"));
  }
}

TEST_CASE("damaged blocks under a right digest") {
  Shop shop;
  Blob frame = compress_frame(shop.bundle.raw(2));
  for (size_t at = 10; at < frame.size(); at += 37) {
    Blob changed = frame;
    changed[at] ^= std::byte{0x55};
    shop.bundle.set_frame(2, changed);
    const ExitCode code = shop.refused().code();
    CHECK((code == ExitCode::kMalformed || code == ExitCode::kDigestMismatch));
  }
}

TEST_CASE("F011 two frames exchanged") {
  Shop shop;
  const fs::path file = shop.bundle.write(shop);
  std::string data = read_text(file);
  // Without signing anew: the digests are those of the right order.
  size_t at = data.size();
  for (const Blob& frame : shop.bundle.frames) at -= frame.size();
  const std::string head = data.substr(0, at);
  std::string tail =
      std::string(as_text(shop.bundle.frames[1])) + std::string(as_text(shop.bundle.frames[0]));
  for (size_t i = 2; i < shop.bundle.frames.size(); ++i) tail += as_text(shop.bundle.frames[i]);
  write_text(file, head + tail);
  CHECK(thrown_error([&] { shop.install_file(file); }).code() == ExitCode::kDigestMismatch);
}

TEST_CASE("F014 a frame with other content of the same size, signed") {
  // A tar header, padding and the end that are not what the index says.
  Shop shop;
  const Index& index = shop.bundle.index;
  const auto offset_of = [&](const char* path) {
    return std::ranges::find(index.entries, path, [](const Entry& e) { return e.path.str(); })
        ->offset;
  };
  const std::pair<uint64_t, const char*> places[] = {
      {0, "the header of bin differs"},
      {offset_of("bin/tool") + 101, "the header of bin/tool differs"},
      {offset_of("bin/tool") + 512 + 20, "the padding of bin/tool is not zero"},
      {offset_of("lib/y") + 512 + 511, "the padding of lib/y is not zero"},
      {shop.bundle.stream.size() - 1, "the end of the stream is not zero"},
      {shop.bundle.stream.size() - 1024, "the end of the stream is not zero"}};
  for (const auto& [at, why] : places) {
    Shop changed;
    changed.bundle.stream[at] ^= std::byte{1};
    uint64_t begin = 0;
    for (size_t i = 0; i < index.frames.size(); ++i) {
      if (at >= begin && at < begin + index.frames[i].raw_size) {
        changed.bundle.set_frame(i, compress_frame(changed.bundle.raw(i)));
      }
      begin += index.frames[i].raw_size;
    }
    const Error error = changed.refused();
    CHECK(error.code() == ExitCode::kDigestMismatch);
    CHECK(error.why() == why);
  }
}

TEST_CASE("content that its signer hashed wrongly: an install trusts the frame, verify does not") {
  Shop shop;
  auto entry = std::ranges::find(shop.bundle.index.entries, "lib/big",
                                 [](const Entry& e) { return e.path.str(); });
  entry->digest = sha256(as_bytes("something else"));
  const fs::path file = shop.bundle.write(shop);
  const auto source = open_bundle_file(real_sys(), file.string());
  const VerifiedBundle verified = shop.open(*source);
  for (const unsigned jobs : {1u, 4u}) {
    const Error error =
        thrown_error([&] { check_bundle(*source, verified, jobs, shop.silence, shop.stop); });
    CHECK(error.code() == ExitCode::kDigestMismatch);
    CHECK(error.where() == "lib/big");
  }
}

TEST_CASE("a bundle check reads every file, by any number of workers") {
  Shop shop;
  const fs::path file = shop.make();
  const auto source = open_bundle_file(real_sys(), file.string());
  const VerifiedBundle verified = shop.open(*source);
  for (const unsigned jobs : {1u, 2u, 5u}) {
    EventLog events;
    const BundleCheck check = check_bundle(*source, verified, jobs, events, shop.stop);
    CHECK(check.files == totals(verified.index()).files);
    CHECK(check.frames == verified.index().frames.size());
    CHECK(events.done == totals(verified.index()).raw_bytes);
    CHECK(events.done == events.total);
  }
}

TEST_CASE("a frame that ends one large file and begins the next, checked by many workers") {
  std::map<std::string, std::string> files;
  for (const char* name : {"a", "b", "c", "d"}) {
    std::string text;
    for (int i = 0; i < 9000; ++i) text += name + std::to_string(i * i) + "\n";
    files[name] = text;
  }
  Workshop shop;
  HandMadeBundle bundle(shop, files, 20'000);
  const fs::path file = bundle.write(shop);
  const auto source = open_bundle_file(real_sys(), file.string());
  const VerifiedBundle verified = shop.open(*source);
  // Who is waited for is another one each time.
  for (int round = 0; round < 50; ++round) {
    for (const unsigned jobs : {1u, 2u, 7u}) {
      CHECK(check_bundle(*source, verified, jobs, shop.silence, shop.stop).files == 4);
    }
  }
  bundle.index.entries[2].digest = sha256(as_bytes("something else"));
  const auto changed_source = open_bundle_file(real_sys(), bundle.write(shop).string());
  const VerifiedBundle changed = shop.open(*changed_source);
  for (const unsigned jobs : {1u, 2u, 7u}) {
    const Error error = thrown_error(
        [&] { check_bundle(*changed_source, changed, jobs, shop.silence, shop.stop); });
    CHECK(error.where() == "c");
  }
}

TEST_CASE("frames of every size give the same files") {
  for (const uint64_t size : {512u, 513u, 1000u, 1024u, 4096u, 100'000u}) {
    Workshop shop;
    HandMadeBundle bundle(shop, some_files(), size);
    const InstallReport report = shop.install_file(bundle.write(shop));
    for (const auto& [path, content] : some_files()) {
      INFO(size << " " << path);
      if (!path.ends_with('/')) CHECK(read_text(shop.release(report.release) / path) == content);
    }
  }
}

TEST_CASE("workers are chosen by CPUs, wish, frames and memory") {
  Index index;
  for (int i = 0; i < 100; ++i) index.frames.push_back({8u << 20, 8u << 20, {}});
  CHECK(choose_workers(index, 0, 4, false).jobs == 4);
  CHECK(choose_workers(index, 0, 4, true).jobs == 5);
  CHECK(choose_workers(index, 2, 4, true).jobs == 2);
  CHECK(choose_workers(index, 0, 128, false).jobs <= kMaxDefaultJobs);
  CHECK(choose_workers(index, 64, 1, false).memory_bytes <= kMaxFrameMemory);
  CHECK(choose_workers(index, 64, 1, false).jobs >= 8);
  for (Frame& frame : index.frames) frame = {kMaxFrameRawSize, kMaxFrameRawSize, {}};
  CHECK(choose_workers(index, 16, 16, false).jobs == 3);
  CHECK(choose_workers(index, 16, 16, false).memory_bytes <= kMaxFrameMemory);
  index.frames.resize(1);
  CHECK(choose_workers(index, 16, 16, false).jobs == 1);
}

}  // namespace
}  // namespace eb
