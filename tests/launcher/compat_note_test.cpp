#include "runtime/launcher/compat_note.hpp"

#include <elf.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <vector>

namespace eb::launcher {
namespace {

const std::string kReal = R"({"format":1,"CUDA version":"12.9","driver":[535,550,560,565,570,575],)"
                          R"("device":[1,2,7,8,9,10,11,12,13,14]})";

/// An ELF file of nothing but the sections that matter.
struct Library {
  std::string section = ".note.cuda.fwd_compatibility";
  uint32_t type = SHT_NOTE;
  std::string owner = std::string("NVIDIA Corporation") + '\0';
  std::string text = kReal;
  size_t alignment = 4;
  bool counts_from_note = false;  ///< padding as the ELF specification says, not from the owner on

  std::string bytes() const {
    std::string out(sizeof(Elf64_Ehdr), '\0');
    const auto pad = [](std::string& to, size_t start, size_t unit) {
      while ((to.size() - start) % unit != 0) to += '\0';
    };
    pad(out, 0, alignment);
    const size_t note_at = out.size();
    const Elf64_Nhdr note{static_cast<uint32_t>(owner.size()), static_cast<uint32_t>(text.size()),
                          1};
    out.append(reinterpret_cast<const char*>(&note), sizeof note);
    out += owner;
    pad(out, counts_from_note ? note_at : note_at + sizeof note, alignment);
    out += text;
    const size_t note_end = out.size();

    const size_t names_at = out.size();
    out += '\0';
    const size_t own_name = out.size() - names_at;
    out += section + '\0';
    const size_t names_size = out.size() - names_at;

    const size_t headers_at = out.size();
    Elf64_Shdr headers[3]{};
    headers[1].sh_name = static_cast<uint32_t>(own_name);
    headers[1].sh_type = type;
    headers[1].sh_offset = note_at;
    headers[1].sh_size = note_end - note_at;
    headers[1].sh_addralign = alignment;
    headers[2].sh_type = SHT_STRTAB;
    headers[2].sh_offset = names_at;
    headers[2].sh_size = names_size;
    out.append(reinterpret_cast<const char*>(headers), sizeof headers);

    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, "\177ELF\2\1\1", 7);
    header.e_shoff = headers_at;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 3;
    header.e_shstrndx = 2;
    std::memcpy(out.data(), &header, sizeof header);
    return out;
  }
};

/// A copy of exactly the size, so that the address sanitizer sees a step outside.
struct Exact {
  explicit Exact(const std::string& bytes) : data(bytes.begin(), bytes.end()) {}
  Mapping mapping() const {
    return {reinterpret_cast<const unsigned char*>(data.data()), data.size()};
  }
  std::vector<char> data;
};

/// "none" when there is no note, else its text.
std::string note_in(const std::string& bytes) {
  const Exact exact(bytes);
  const View found = find_note(exact.mapping());
  return found.data == nullptr ? "none" : std::string(found.data, found.size);
}

struct Read {
  bool understood;
  std::string drivers, devices;
  uint32_t major, minor;
};

Read read(const std::string& json) {
  const std::vector<char> exact(json.begin(), json.end());
  const CompatNote note = read_note({exact.data(), exact.size()});
  const auto text = [](View view) {
    return view.data == nullptr ? "" : std::string(view.data, view.size);
  };
  return {note.understood, text(note.drivers), text(note.devices), note.cuda_major,
          note.cuda_minor};
}

bool is_understood(const std::string& json) { return read(json).understood; }

}  // namespace

TEST_CASE("the note of a library is found whatever its alignment") {
  for (const size_t alignment : {1, 2, 4, 8, 16}) {
    for (const bool counts_from_note : {false, true}) {
      Library library;
      library.alignment = alignment;
      library.counts_from_note = counts_from_note;
      CHECK(note_in(library.bytes()) == kReal);
    }
  }
}

TEST_CASE("a text padded with NULs is read without them") {
  Library library;
  library.text = kReal + std::string(5, '\0');
  CHECK(note_in(library.bytes()) == kReal);
}

TEST_CASE("other sections, types and owners are no such note") {
  Library library;
  library.section = ".note.cuda.fwd_compatibility2";
  CHECK(note_in(library.bytes()) == "none");
  library = {};
  library.section = ".note.cuda";
  CHECK(note_in(library.bytes()) == "none");
  library = {};
  library.type = SHT_PROGBITS;
  CHECK(note_in(library.bytes()) == "none");
  library = {};
  library.owner = std::string("GNU") + '\0';
  CHECK(note_in(library.bytes()) == "none");
  CHECK(note_in("no ELF file") == "none");
  CHECK(note_in("") == "none");
}

TEST_CASE("a note with impossible sizes is there and empty") {
  const Library library;
  const std::string whole = library.bytes();
  for (const size_t field : {0, 4}) {  // of the owner, of the text
    std::string bytes = whole;
    std::memset(bytes.data() + sizeof(Elf64_Ehdr) + field, 0x7f, 4);
    CHECK(note_in(bytes).empty());
  }
  std::string bytes = whole;
  Elf64_Shdr header;
  char* const at = bytes.data() + whole.size() - 2 * sizeof header;
  std::memcpy(&header, at, sizeof header);
  header.sh_size = UINT64_MAX - 8;
  std::memcpy(at, &header, sizeof header);
  CHECK(note_in(bytes).empty());
  header.sh_size = 8;  // less than a note's header
  std::memcpy(at, &header, sizeof header);
  CHECK(note_in(bytes).empty());
}

TEST_CASE("a library cut or damaged anywhere is read inside its bounds") {
  const std::string whole = Library().bytes();
  // The headers stand at the end; of the last one, fields after sh_offset are not asked for.
  const size_t asked_for =
      whole.size() - sizeof(Elf64_Shdr) + offsetof(Elf64_Shdr, sh_offset) + sizeof(uint64_t);
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::string found = note_in(whole.substr(0, size));
    CHECK((size >= asked_for ? found == kReal : found == "none"));
  }
  size_t differ = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const int mask : {0x01, 0x80, 0xff}) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ mask);
      const std::string found = note_in(bytes);
      if (found != kReal) ++differ;
      read(found);
    }
  }
  CHECK(differ > 3 * kReal.size());
}

TEST_CASE("the notes that NVIDIA ships are understood") {
  Read note = read(kReal);
  CHECK(note.understood);
  CHECK(note.drivers == "535,550,560,565,570,575");
  CHECK(note.devices == "1,2,7,8,9,10,11,12,13,14");
  CHECK(note.major == 12);
  CHECK(note.minor == 9);

  note = read(R"({"format":1,"CUDA version":"13.1","driver":[535,550,570,575,580,590],)"
              R"("device":[1,2,7,8,9,10,11,12,13,14]})");
  CHECK(note.understood);
  CHECK(note.drivers == "535,550,570,575,580,590");
  CHECK(note.major == 13);
  CHECK(note.minor == 1);

  note = read(R"({"format":1,"CUDA version":"13.2"})");  // Orin
  CHECK(note.understood);
  CHECK(note.drivers.empty());
  CHECK(note.devices.empty());
  CHECK(note.minor == 2);
}

TEST_CASE("keys in other case, blanks and keys of tomorrow do no harm") {
  const Read note = read(
      "\t{ \"CUDA VERSION\" : \"12.9\" ,\r\n \"unknown\":{\"a\":[1,{\"driver\":[1]},\"}]\\\"\"],"
      "\"b\":null}, \"x\":-1.5e+3, \"y\":\"\\\\\", \"z\":[], \"t\":true,\n"
      "\"Driver\":[ 535 , 550 ], \"DEVICE\":[], \"Format\": 1 } \n");
  CHECK(note.understood);
  CHECK(note.drivers == "535 , 550 ");
  CHECK(note.devices.empty());
  CHECK(note.major == 12);
  CHECK(read("{}").understood);
}

TEST_CASE("what is no such note is not understood") {
  for (const char* json : {"",
                           " ",
                           "null",
                           "[]",
                           "{",
                           "}",
                           "{]",
                           "{}x",
                           "{} {}",
                           R"({"driver")",
                           R"({"driver":})",
                           R"({"driver":535})",
                           R"({"driver":["535"]})",
                           R"({"driver":[535,]})",
                           R"({"driver":[535)",
                           R"({"driver":[,535]})",
                           R"({"driver":[5.35]})",
                           R"({"driver":[-535]})",
                           R"({"driver":[1234567]})",
                           R"({"driver":[535 550]})",
                           R"({"driver":null})",
                           R"({"driver":[[535]]})",
                           R"({"format":2})",
                           R"({"format":"1"})",
                           R"({"format":1,})",
                           R"({"format":1 "driver":[]})",
                           R"({"CUDA version":12.9})",
                           R"({"CUDA version":"12"})",
                           R"({"CUDA version":"12."})",
                           R"({"CUDA version":"x.y"})",
                           R"({"x":)",
                           R"({"x":"})",
                           R"({"x":"\)",
                           R"({"x":[})",
                           R"({"x":@})",
                           R"({"x":]})",
                           R"({"x":{"y":1})",
                           R"({x:1})",
                           R"({"x":,"y":1})",
                           "{\"format\":1000000000000000000000}"}) {
    CAPTURE(json);
    CHECK_FALSE(is_understood(json));
  }
}

TEST_CASE("a note cut anywhere is not understood") {
  for (size_t size = 0; size < kReal.size(); ++size) {
    CHECK_FALSE(is_understood(kReal.substr(0, size)));
  }
  CHECK_FALSE(is_understood(std::string(60000, '[')));
  CHECK_FALSE(is_understood("{\"x\":" + std::string(60000, '[')));
  CHECK_FALSE(is_understood("{\"x\":" + std::string(60000, '[') + std::string(59999, ']') + "}"));
  CHECK(is_understood("{\"x\":" + std::string(60000, '[') + std::string(60000, ']') + "}"));
}

TEST_CASE("a number is looked for as a number") {
  CHECK(has_number("535,550", 550));
  CHECK(has_number(" 535 , 550 ", 535));
  CHECK_FALSE(has_number("535,550", 55));
  CHECK_FALSE(has_number("535,550", 5));
  CHECK_FALSE(has_number("", 0));
  CHECK_FALSE(has_number(View(), 0));
}

}  // namespace eb::launcher
