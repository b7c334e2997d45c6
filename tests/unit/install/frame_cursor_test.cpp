#include "installer/install/frame_cursor.hpp"

#include <map>
#include <set>

#include "hand_made_bundle.hpp"
#include "installer/install/frame_queue.hpp"

namespace eb {
namespace {

using namespace test;

std::map<std::string, std::string> files_of_all_sizes() {
  std::map<std::string, std::string> out{{"lib/", ""}, {"lib/empty", ""}, {"lib/one", "1"}};
  for (const size_t size : {511u, 512u, 513u, 70'000u, 262'144u, 262'145u, 900'000u}) {
    std::string text(size, '\0');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 31 + size) % 251);
    out["lib/f" + std::to_string(size)] = text;
  }
  return out;
}

// What a consumer gets when a frame becomes known in steps of `step` bytes.
struct Received {
  std::map<uint32_t, std::string> contents;
  std::map<uint32_t, size_t> parts;
  bool in_order = true;
};

Received receive(const HandMadeBundle& bundle, size_t step) {
  Received out;
  const StreamLayout layout(bundle.index);
  for (size_t frame = 0; frame < bundle.frames.size(); ++frame) {
    FrameCursor cursor(layout, frame);
    const Bytes raw = bundle.raw(frame);
    for (size_t known = std::min(step, raw.size());; known = std::min(known + step, raw.size())) {
      cursor.advance(raw.first(known), [&](uint32_t entry, uint64_t offset, Bytes data) {
        std::string& content = out.contents[entry];
        out.in_order = out.in_order && offset == content.size();
        content += as_text(data);
        ++out.parts[entry];
      });
      if (known == raw.size()) break;
    }
  }
  return out;
}

TEST_CASE("a frame gives the same content in whatever steps it becomes known") {
  Workshop shop;
  const auto files = files_of_all_sizes();
  for (const uint64_t frame_size : {uint64_t{4096}, uint64_t{300'000}, uint64_t{8} << 20}) {
    const HandMadeBundle bundle(shop, files, frame_size);
    for (const size_t step : {1000u, 65'536u, 1u << 24}) {
      CAPTURE(frame_size, step);
      const Received received = receive(bundle, step);
      CHECK(received.in_order);
      size_t wrong = 0;
      for (uint32_t i = 0; i < bundle.index.entries.size(); ++i) {
        const Entry& entry = bundle.index.entries[i];
        if (entry.type != EntryType::kFile) continue;
        const auto got = received.contents.find(i);
        if (got == received.contents.end() || got->second != files.at(entry.path.str())) ++wrong;
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("a file up to the size of a piece comes whole, a larger one in pieces") {
  Workshop shop;
  const HandMadeBundle bundle(shop, files_of_all_sizes(), 8u << 20);
  const Received received = receive(bundle, 65'536);
  for (uint32_t i = 0; i < bundle.index.entries.size(); ++i) {
    const Entry& entry = bundle.index.entries[i];
    if (entry.type != EntryType::kFile) continue;
    CAPTURE(entry.path.str());
    const size_t parts = received.parts.at(i);
    CHECK((entry.size_bytes <= kContentPiece ? parts == 1 : parts > 0));
    CHECK(parts <= 1 + entry.size_bytes / kContentPiece);
  }
}

TEST_CASE("what is wrong in a frame is found as soon as it is known") {
  Workshop shop;
  HandMadeBundle bundle(shop, files_of_all_sizes(), 8u << 20);
  const StreamLayout layout(bundle.index);
  const auto refusal = [&](size_t known) {
    FrameCursor cursor(layout, 0);
    return thrown_error([&] {
      cursor.advance(Bytes(bundle.stream).first(known), [](uint32_t, uint64_t, Bytes) {});
    });
  };
  SECTION("a header") {
    bundle.stream[0] = std::byte{'x'};
    CHECK(refusal(512).why() == "the header of lib differs");
  }
  SECTION("the end of the stream") {
    bundle.stream.back() = std::byte{1};
    const Error error = refusal(bundle.stream.size());
    CHECK(error.why() == "the end of the stream is not zero");
    CHECK(error.code() == ExitCode::kDigestMismatch);
  }
}

TEST_CASE("every frame is handed out once, to each worker a stretch of its own") {
  for (const unsigned workers : {1u, 2u, 7u, 64u}) {
    std::vector<uint32_t> frames;
    for (uint32_t i = 0; i < 100; ++i) frames.push_back(3 * i);
    FrameQueue queue(frames, workers);
    CAPTURE(workers);
    CHECK(queue.next(0) == std::optional<size_t>(0));
    if (workers == 2) CHECK(queue.next(1) == std::optional<size_t>(150));
    std::multiset<size_t> seen{0};
    if (workers == 2) seen.insert(150);
    // One worker alone does all of it: it takes what the others leave.
    while (const auto frame = queue.next(workers - 1)) seen.insert(*frame);
    CHECK(seen.size() == 100);
    CHECK(std::set<size_t>(seen.begin(), seen.end()).size() == 100);
    CHECK(queue.next(0) == std::nullopt);
  }
  FrameQueue none({}, 3);
  CHECK(none.next(2) == std::nullopt);
}

}  // namespace
}  // namespace eb
