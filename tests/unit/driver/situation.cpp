#include "situation.hpp"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "cache_maker.hpp"
#include "elf_maker.hpp"
#include "installer/driver/loader_cache.hpp"

namespace eb::test {
namespace {

std::vector<std::string> words_of(const std::string& line, char separator = ' ') {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string word; std::getline(in, word, separator);) {
    if (!word.empty()) out.push_back(word);
  }
  return out;
}

unsigned number(const std::string& text, int base = 10) {
  return static_cast<unsigned>(std::stoul(text, nullptr, base));
}

std::string after(const std::string& word, const std::string& prefix) {
  if (!word.starts_with(prefix)) throw std::runtime_error("expected " + prefix + " in " + word);
  return word.substr(prefix.size());
}

}  // namespace

const DeviceSys::Device* DeviceSys::find(const char* path) const {
  const std::string text = path;
  if (!text.starts_with(root_)) return nullptr;
  const auto at = devices_.find(text.substr(root_.size()));
  return at == devices_.end() ? nullptr : &at->second;
}

int DeviceSys::openat(int dir, const char* path, int flags, mode_t mode) {
  const Device* device = find(path);
  if (device != nullptr && !device->is_regular) {
    ++opened_;
    return -ENXIO;
  }
  return ForwardingSys::openat(dir, path, flags, mode);
}

int DeviceSys::fstatat(int dir, const char* path, struct stat* out, int flags) {
  const int result = ForwardingSys::fstatat(dir, path, out, flags);
  const Device* device = find(path);
  if (result < 0 || device == nullptr) return result;
  out->st_mode = (device->is_regular ? S_IFREG : S_IFCHR) | device->mode;
  out->st_uid = device->uid;
  out->st_gid = device->gid;
  out->st_rdev = makedev(device->major_number, device->minor_number);
  return result;
}

int DeviceSys::faccessat(int dir, const char* path, int mode) {
  const Device* device = find(path);
  if (device == nullptr) return ForwardingSys::faccessat(dir, path, mode);
  if (device->error != 0) return -device->error;
  const auto wanted = static_cast<unsigned>(mode);
  return (device->mode & wanted) == wanted ? 0 : -EACCES;
}

std::map<std::string, std::string> bundle_meta(const std::string& name) {
  const std::map<std::string, std::map<std::string, std::string>> bundles = {
      {"none", {{"name", "tools"}, {"glibc", "2.36"}}},
      {"cu118",
       {{"cuda", "11.8"},
        {"min-driver", "450.80.02"},
        {"recommended-driver", "520.61.05"},
        {"gpu-sass", "3.7 5.0 6.0 7.0 7.5 8.0 8.6 9.0"},
        {"glibc-needed", "2.17"},
        {"glibc", "2.36"}}},
      {"cu126",
       {{"cuda", "12.6"},
        {"min-driver", "525.60.13"},
        {"recommended-driver", "560.35.05"},
        {"gpu-sass", "5.0 6.0 7.0 7.5 8.0 8.6 9.0"},
        {"glibc-needed", "2.28"},
        {"glibc", "2.36"}}},
      {"cu128",
       {{"cuda", "12.8"},
        {"min-driver", "525.60.13"},
        {"recommended-driver", "570.124.06"},
        {"gpu-sass", "7.0 7.5 8.0 8.6 9.0 10.0 12.0"},
        {"glibc-needed", "2.28"},
        {"glibc", "2.36"}}},
      {"cu130",
       {{"cuda", "13.0"},
        {"min-driver", "580"},
        {"recommended-driver", "580.65.06"},
        {"gpu-sass", "7.5 8.0 8.6 9.0 10.0 12.0"},
        {"gpu-ptx", "12.0"},
        {"glibc-needed", "2.28"},
        {"glibc", "2.36"}}}};
  return bundles.at(name);
}

Situation::Situation(const std::string& file) : sys_(dir_.path().string()) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file);
  std::string directive;
  std::vector<std::string> content;
  const auto flush = [&] {
    if (!directive.empty()) apply(directive, content);
    directive.clear();
    content.clear();
  };
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("|")) {
      content.push_back(line.size() > 2 ? line.substr(2) : "");
      continue;
    }
    flush();
    if (line.starts_with("# ") && source_.empty()) source_ = line.substr(2);
    if (!line.empty() && !line.starts_with("#")) directive = line;
  }
  flush();
  const std::string machine = environment_.machine.empty() ? "x86_64" : environment_.machine;
  environment_ = probe_environment([&](const char* name) -> std::optional<std::string> {
    const auto at = variables_.find(name);
    if (at == variables_.end()) return std::nullopt;
    return at->second;
  });
  environment_.machine = machine;
}

void Situation::apply(const std::string& line, const std::vector<std::string>& content) {
  const std::vector<std::string> words = words_of(line);
  const std::string& kind = words.at(0);
  if (kind == "machine") {
    environment_.machine = words.at(1);
  } else if (kind == "env") {
    const std::string text = line.substr(4);
    variables_[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
  } else if (kind == "bundle") {
    bundles_.push_back({words.at(1), bundle_meta(words.at(1))});
  } else if (kind == "meta") {
    bundles_.back().meta[words.at(1)] = line.substr(line.find(words.at(1)) + words[1].size() + 1);
    bundles_.back().name += " " + words.at(1) + "=" + bundles_.back().meta[words.at(1)];
  } else if (kind == "dir") {
    std::filesystem::create_directories(root() + words.at(1));
  } else if (kind == "link") {
    std::filesystem::create_symlink(words.at(3), made(words.at(1)));
  } else if (kind == "file") {
    std::string text;
    for (const std::string& one : content) text += one + "\n";
    write(words.at(1), text);
  } else if (kind == "bytes") {
    std::string text;
    for (size_t i = 0; i + 1 < words.at(2).size(); i += 2) {
      text += static_cast<char>(number(words[2].substr(i, 2), 16));
    }
    write(words.at(1), text);
  } else if (kind == "char") {
    add_char(words);
  } else if (kind == "suid") {
    write(words.at(1), "");
    sys_.add(words[1], {.mode = 04755, .is_regular = true});
  } else if (kind == "pci") {
    add_pci(words);
  } else if (kind == "elf") {
    write(words.at(1), make_elf({.machine = static_cast<uint16_t>(number(words.at(2))),
                                 .needs = words_of(after(words.at(3), "needs="), ','),
                                 .defines = words_of(after(words.at(4), "defines="), ',')}));
  } else if (kind == "cache" || kind == "old-cache") {
    add_cache(words.at(1), content, kind == "old-cache");
  } else {
    throw std::runtime_error("unknown directive: " + line);
  }
}

std::string Situation::made(const std::string& path) {
  const std::filesystem::path out = root() + path;
  std::filesystem::create_directories(out.parent_path());
  return out.string();
}

void Situation::write(const std::string& path, const std::string& text) {
  std::ofstream(made(path), std::ios::binary) << text;
}

void Situation::add_char(const std::vector<std::string>& words) {
  write(words.at(1), "");
  DeviceSys::Device device = {.mode = number(words.at(2), 8),
                              .uid = number(words.at(3)),
                              .gid = number(words.at(4)),
                              .major_number = number(words.at(5)),
                              .minor_number = number(words.at(6))};
  if (words.size() > 7) device.error = words[7] == "EPERM" ? EPERM : EACCES;
  sys_.add(words[1], device);
}

// As in a real /sys: the names in bus/pci/devices are symlinks, and so is `driver`.
void Situation::add_pci(const std::vector<std::string>& words) {
  const std::string& address = words.at(1);
  const std::string at = "/sys/devices/pci0000:00/" + address;
  write(at + "/vendor", "0x" + words.at(2) + "\n");
  write(at + "/device", "0x" + words.at(3) + "\n");
  write(at + "/class", "0x" + words.at(4) + "\n");
  write(at + "/subsystem_device", "0x1234\n");
  write(at + "/numa_node", words.at(6) + "\n");
  std::filesystem::create_symlink("../../../devices/pci0000:00/" + address,
                                  made("/sys/bus/pci/devices/" + address));
  if (words.at(5) != "-") {
    std::filesystem::create_directories(root() + "/sys/bus/pci/drivers/" + words[5]);
    std::filesystem::create_symlink("../../../bus/pci/drivers/" + words[5], made(at + "/driver"));
  }
}

void Situation::add_cache(const std::string& path, const std::vector<std::string>& content,
                          bool is_old) {
  std::vector<CacheLine> lines;
  for (const std::string& line : content) {
    const std::vector<std::string> words = words_of(line);
    lines.push_back(
        {words.at(0), words.at(1) == "aarch64" ? kCacheAarch64 : kCacheX86_64, words.at(2)});
  }
  write(path, make_cache(lines, is_old ? CacheFormat::kOldAndNew : CacheFormat::kNew));
}

}  // namespace eb::test
