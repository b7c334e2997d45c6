#include "runtime/launcher/compat_rule.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace eb::launcher {
namespace {

constexpr const char* kNote129 =
    R"({"format":1,"CUDA version":"12.9","driver":[535,550,560,565,570,575],)"
    R"("device":[1,2,7,8,9,10,11,12,13,14]})";
constexpr const char* kNote131 =
    R"({"format":1,"CUDA version":"13.1","driver":[535,550,570,575,580,590],)"
    R"("device":[1,2,7,8,9,10,11,12,13,14]})";
constexpr const char* kNoteOrin = R"({"format":1,"CUDA version":"13.2"})";

CompatFacts facts(const char* host, const char* note = kNote129,
                  const char* library = "libcuda.so.575.57.08") {
  CompatFacts out;
  out.library = library;
  out.note = note == nullptr ? View() : View(note);
  out.host = host;
  out.models = "NVIDIA H100 80GB HBM3\n";
  return out;
}

/// "yes: WHY" or "no: WHY".
std::string decided(const CompatFacts& facts) {
  const CompatDecision decision = decide_compat(facts);
  return std::string(decision.use ? "yes: " : "no: ") + decision.why;
}

std::string version_of(const char* text) {
  const View found = find_version(text);
  return found.data == nullptr ? "" : std::string(found.data, found.size);
}

}  // namespace

TEST_CASE("with a note the host's branch must be in its list and the host older") {
  const std::string yes = "yes: 575.57.08 is newer than the host's driver ";
  CHECK(decided(facts("535.129.03")) == yes + "535.129.03 and lists its branch");
  CHECK(decided(facts("550.54")) == yes + "550.54 and lists its branch");
  CHECK(decided(facts("570.124.06")) == yes + "570.124.06 and lists its branch");
  CHECK(decided(facts("575.51.03")) == yes + "575.51.03 and lists its branch");  // the same branch
  CHECK(decided(facts("575.57.7")) == yes + "575.57.7 and lists its branch");
  const std::string unlisted = "no: 575.57.08 does not list the host's driver branch ";
  CHECK(decided(facts("470.256.02")) == unlisted + "470");
  CHECK(decided(facts("525.60.13")) == unlisted + "525");
  CHECK(decided(facts("555.42.06")) == unlisted + "555");
  const auto newer = [](const std::string& host) {
    return "no: the host's driver " + host + " is not older than 575.57.08";
  };
  for (const char* host : {"575.57.08", "575.57.8", "575.64", "580.65.06", "590.44.01", "1000.1"}) {
    CHECK(decided(facts(host)) == newer(host));
  }
}

TEST_CASE("every branch against the note of 13.1") {
  for (const auto& [host, use] : {std::pair{"450.80.02", false},
                                  {"525.60.13", false},
                                  {"535.54.03", true},
                                  {"545.23.06", false},
                                  {"550.54.14", true},
                                  {"560.35.05", false},
                                  {"565.57.01", false},
                                  {"570.86.10", true},
                                  {"575.57.08", true},
                                  {"580.65.06", true},
                                  {"590.43.01", true},
                                  {"590.48.01", false},
                                  {"595.58.03", false},
                                  {"610.43.02", false}}) {
    CAPTURE(host);
    CHECK(decide_compat(facts(host, kNote131, "libcuda.so.590.44.01")).use == use);
  }
}

TEST_CASE("without a note the host's branch must be older") {
  CHECK(decided(facts("470.57.02", nullptr)) ==
        "yes: 575.57.08 is newer than the host's driver 470.57.02");
  CHECK(decided(facts("570.124.06", nullptr)) ==
        "yes: 575.57.08 is newer than the host's driver 570.124.06");
  CHECK(decided(facts("575.51.03", nullptr)) ==
        "no: the host's driver 575.51.03 is not of an older branch than 575.57.08");
  CHECK(decided(facts("580.65.06", nullptr)) ==
        "no: the host's driver 580.65.06 is not of an older branch than 575.57.08");
}

TEST_CASE("a note without a list of drivers leaves the branches to be compared") {
  const char* const name = "libcuda.so.1.1";
  CHECK(decided(facts("540.4.0", kNoteOrin, name)) ==
        "yes: R595 is newer than the host's driver 540.4.0");
  CHECK(decided(facts("595.58.03", kNoteOrin, name)) ==
        "no: the host's driver 595.58.03 is not of an older branch than R595");
  CHECK(decided(facts("535.129.03", R"({"CUDA version":"12.9","driver":[]})")) ==
        "yes: 575.57.08 is newer than the host's driver 535.129.03");
}

TEST_CASE("the version is that of the file's name, else that of the note's CUDA") {
  for (const char* name : {"libcuda.so.1", "libcuda.so.1.1", "libcuda.so", "libcuda.so.575",
                           "libcuda.so.575.", "libcuda.so.575.x", "libcuda.so.575.1.2.3", ""}) {
    CAPTURE(name);
    CHECK(decided(facts("570.124.06", kNote129, name)) ==
          "yes: R575 is newer than the host's driver 570.124.06 and lists its branch");
    CHECK(decided(facts("570.124.06", nullptr, name)) ==
          std::string("no: its version cannot be told from its name ") + name);
  }
  CHECK_FALSE(decide_compat(facts("575.51.03", kNote129, "libcuda.so.1")).use);
  struct {
    const char* cuda;
    int branch;
  } const table[] = {{"11.0", 450}, {"11.4", 470}, {"11.8", 520}, {"12.0", 525},
                     {"12.2", 535}, {"12.7", 565}, {"12.8", 570}, {"13.0", 580},
                     {"13.1", 590}, {"13.3", 610}, {"13.4", 615}};
  for (const auto& [cuda, branch] : table) {
    const std::string note = std::string(R"({"CUDA version":")") + cuda + "\"}";
    const std::string below = std::to_string(branch - 1) + ".1",
                      same = std::to_string(branch) + ".1";
    CAPTURE(cuda);
    CHECK(decide_compat(facts(below.c_str(), note.c_str(), "libcuda.so.1")).use);
    CHECK_FALSE(decide_compat(facts(same.c_str(), note.c_str(), "libcuda.so.1")).use);
  }
  for (const char* cuda : {"10.2", "11.9", "12.10", "13.5", "14.0", "0.0"}) {
    const std::string note = std::string(R"({"CUDA version":")") + cuda + "\"}";
    CHECK(decided(facts("535.1", note.c_str(), "libcuda.so.1")) ==
          "no: its version cannot be told from its name libcuda.so.1");
  }
}

TEST_CASE("a note that is damaged or of tomorrow forbids the use") {
  for (const char* note : {"", "{", R"({"format":2,"driver":[535]})", R"({"driver":535})"}) {
    CHECK(decided(facts("535.129.03", note)) == "no: its ELF note cannot be understood");
  }
}

TEST_CASE("it is not for GeForce and TITAN unless the note lists their brands") {
  struct {
    const char* models;
    const char* refused;  // the model, nullptr when it may be used
  } const table[] = {
      {"", nullptr},  // none can be seen
      {"Tesla V100-SXM2-16GB\n", nullptr},
      {"NVIDIA A100-SXM4-80GB\nNVIDIA A100-SXM4-80GB\n", nullptr},
      {"NVIDIA RTX A6000\n", nullptr},
      {"Quadro RTX 8000\n", nullptr},
      {"NVIDIA GeForce RTX 3090\n", "NVIDIA GeForce RTX 3090"},
      {"GeForce GTX 1080 Ti\n", "GeForce GTX 1080 Ti"},
      {"NVIDIA TITAN RTX\n", "NVIDIA TITAN RTX"},
      {"TITAN V", "TITAN V"},
      {"NVIDIA H100 80GB HBM3\nNVIDIA GeForce RTX 4090\n", "NVIDIA GeForce RTX 4090"},
  };
  for (const auto& [models, refused] : table) {
    CAPTURE(models);
    CompatFacts with_note = facts("535.129.03"), without = facts("535.129.03", nullptr);
    with_note.models = without.models = models;
    CHECK(decide_compat(with_note).use == (refused == nullptr));
    CHECK(decide_compat(without).use == (refused == nullptr));
    if (refused != nullptr) {
      CHECK(decided(with_note) ==
            std::string("no: 575.57.08 is not made for this GPU: ") + refused);
    }
  }
  CompatFacts listed = facts("535.129.03", R"({"driver":[535],"device":[2,5]})");
  listed.models = "NVIDIA GeForce RTX 3090\n";
  CHECK(decide_compat(listed).use);
  listed.models = "NVIDIA TITAN RTX\n";
  CHECK_FALSE(decide_compat(listed).use);
  listed.note = R"({"driver":[535],"device":[6]})";
  CHECK(decide_compat(listed).use);
  listed.note = R"({"driver":[535],"device":[15,16]})";
  CHECK_FALSE(decide_compat(listed).use);
}

TEST_CASE("never under WSL and never without a readable driver") {
  CompatFacts here = facts("535.129.03");
  here.wsl = true;
  CHECK(decided(here) == "no: under WSL the driver is that of Windows");
  for (const char* host :
       {"", "535", "x.y", "535.", "53.1", "535.129.03.1", "535.129.03-rc", "4294967831.1"}) {
    CHECK(decided(facts(host)) == "no: no version of an NVIDIA kernel driver can be read here");
  }
}

TEST_CASE("a person can decide otherwise") {
  CompatFacts here = facts("580.65.06", "broken", "libcuda.so.1");
  here.wsl = true;
  here.models = "NVIDIA GeForce RTX 3090\n";
  here.wish = "on";
  CHECK(decided(here) == "yes: ENVLAUNCH_COMPAT=on");
  here = facts("535.129.03");
  here.wish = "off";
  CHECK(decided(here) == "no: ENVLAUNCH_COMPAT=off");
  for (const char* wish : {"", "1", "ON", "offline"}) {
    here.wish = wish;
    CHECK(decide_compat(here).use);
  }
}

TEST_CASE("the driver's version is found in every form of its line") {
  CHECK(version_of("535.129.03\n") == "535.129.03");
  CHECK(version_of("550.54") == "550.54");
  CHECK(version_of(" NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023\n"
                   "GCC version:  gcc version 999.1.2 (x)\n") == "535.129.03");
  CHECK(version_of(" NVIDIA UNIX x86_64 Kernel Module 384.81 Sat Sep 2 02:43:11 PDT 2017") ==
        "384.81");
  CHECK(version_of(" NVIDIA UNIX Open Kernel Module for x86_64  550.144.03  Release Build  "
                   "(dvs-builder@U16-I3-D08-1-2)  Mon Dec 30 17:26:13 UTC 2024\n") == "550.144.03");
  CHECK(version_of(" NVIDIA UNIX Open Kernel Module for aarch64  540.4.0  Release Build  "
                   "(buildbrain@mobile-u64-6336-d8000)  Tue Jan  7 17:35:12 PST 2025\n") ==
        "540.4.0");
  CHECK(version_of(" NVIDIA UNIX\t580.65.06\tx") == "580.65.06");
  for (const char* text : {"", "\n535.129.03\n", "x86_64 1.2.3 18:56:32 2023", "535.129.03x", "N/A",
                           "535.129.03.04", "(535.129.03)", " \t "}) {
    CAPTURE(text);
    CHECK(version_of(text).empty());
  }
}

}  // namespace eb::launcher
