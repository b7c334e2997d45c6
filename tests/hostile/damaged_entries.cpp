#include <algorithm>

#include "corpus_maker.hpp"
#include "sound_index.hpp"

namespace eb::test {

void add_damaged_entries(CorpusMaker& corpus) {
  const auto with = [&corpus](const std::string& name, const std::string& what,
                              std::vector<RawEntry> more, bool sorted = true) {
    auto all = good_entries();
    all.insert(all.end(), more.begin(), more.end());
    if (sorted) std::ranges::stable_sort(all, {}, &RawEntry::path);
    corpus.add("entry-" + name, 10, what, corpus.of_sections(laid_out(all)));
  };
  const auto directory = [](std::string path) {
    return RawEntry{.type = 1, .path = std::move(path)};
  };
  const auto link = [](std::string path, std::string target) {
    return RawEntry{.type = 3, .path = std::move(path), .target = std::move(target)};
  };
  const std::pair<const char*, std::string> paths[] = {
      {"absolute", "/etc"},
      {"parent", ".."},
      {"parent-inside", "bin/../x"},
      {"dot", "bin/./x"},
      {"double-slash", "bin//x"},
      {"slash-at-end", "bin/x/"},
      {"empty", ""},
      {"newline", "bin/a\nb"},
      {"nul", std::string("bin/a\0b", 7)},
      {"escape", "bin/\x1b[2J"},
      {"delete", "bin/\x7f"},
      {"not-utf8", "bin/\xff"},
      {"utf8-overlong", "bin/\xC0\xAF"},
      {"utf8-surrogate", "bin/\xED\xA0\x80"},
      {"component-256", "bin/" + std::string(256, 'c')},
      {"no-parent", "nowhere/x"},
      {"below-file", "bin/tool/x"},
      {"below-link", "tool/x"},
      {"reserved-envinstall", ".envinstall"},
      {"reserved-bundle", ".bundle"},
      {"reserved-current", "current"},
      {"reserved-releases", "releases"},
      {"reserved-lost-found", "lost+found"},
      {"reserved-nfs", ".nfs0001"}};
  for (const auto& [name, path] : paths) {
    with(std::string("path-") + name, std::string("path: ") + name, {directory(path)});
  }
  std::vector<RawEntry> deep;
  std::string path = "d";
  for (int i = 0; i < 65; ++i, path += "/d") deep.push_back(directory(path));
  with("depth-65", "65 components", deep);
  with("twice", "a path twice", {directory("bin")});
  with("file-and-folder", "a file and a folder of one path",
       {{.type = 2, .path = "bin", .size_bytes = 1}});
  with("order", "entries not in order", {directory("a")}, false);
  for (const uint8_t type : {0, 4, 255}) {
    with("type-" + std::to_string(type), "type " + std::to_string(type) + ": no such thing",
         {{.type = type, .path = "x"}});
  }
  with("file-flags", "a file with flag 2 (set-id?)", {{.type = 2, .flags = 2, .path = "x"}});
  with("folder-flags", "an executable folder", {{.type = 1, .flags = 1, .path = "x"}});
  with("link-flags", "an executable link", {{.type = 3, .flags = 1, .path = "x", .target = "bin"}});
  with("file-huge", "a file of 2^63 bytes", {{.type = 2, .path = "x", .size_bytes = 1ull << 63}});
  with("file-max", "a file of 2^64-1 bytes", {{.type = 2, .path = "x", .size_bytes = ~0ull}});
  with("offset", "a file that lies elsewhere in the stream",
       {{.type = 2, .path = "x", .size_bytes = 1, .offset = 7}});
  const std::pair<const char*, std::string> targets[] = {{"absolute", "/etc/passwd"},
                                                         {"escape", "../../etc"},
                                                         {"root", "."},
                                                         {"empty", ""},
                                                         {"loop", "x"},
                                                         {"control", "a\nb"},
                                                         {"not-utf8", "\xff"},
                                                         {"long", std::string(1025, 't')},
                                                         {"escape-inside", "bin/../../x"}};
  for (const auto& [name, target] : targets) {
    with(std::string("link-") + name, std::string("link target: ") + name, {link("x", target)});
  }
  with("link-through-link", "a link that leaves through another one",
       {directory("d"), directory("d/e"), link("d/up", "e"), link("z", "d/up/../../..")});
  std::vector<RawSection> counted = laid_out(good_entries());
  counted[2].data[3] = std::byte{0xFF};
  corpus.add("entry-count", 10, "billions of entries in a hundred bytes",
             corpus.of_sections(counted));
}

}  // namespace eb::test
