#include "bundler/pack/content_class.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace eb {
namespace {

constexpr std::array kText = {
    "bash", "c",    "cc",   "cfg", "cmake", "conf",  "cpp", "crt",   "css", "csv",  "cu",  "cuh",
    "fish", "h",    "hpp",  "htm", "html",  "inc",   "ini", "ipynb", "js",  "json", "lua", "map",
    "md",   "mjs",  "pem",  "pl",  "po",    "proto", "pxd", "pyi",   "pyx", "rst",  "sh",  "svg",
    "tcl",  "tmpl", "toml", "ts",  "txt",   "vim",   "xml", "yaml",  "yml"};
constexpr std::array kPacked = {"bz2", "gif",  "gz",  "jpeg", "jpg",   "mp4", "npz", "png",
                                "tgz", "webp", "whl", "woff", "woff2", "xz",  "zip", "zst"};
constexpr std::array kTextNames = {"AUTHORS",  "COPYING", "INSTALLER", "LICENCE", "LICENSE",
                                   "METADATA", "NOTICE",  "RECORD",    "WHEEL",   "copyright"};

template <size_t N>
bool contains(const std::array<const char*, N>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

ContentClass content_class(const RelPath& path, bool executable) {
  const std::string_view name = path.name();
  if (contains(kTextNames, name)) return ContentClass::kText;
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) {
    // Programs rarely have an extension; neither have terminfo entries, time zones, dictionaries.
    return executable ? ContentClass::kBinary : ContentClass::kOther;
  }
  const std::string_view extension = name.substr(dot + 1);
  if (extension == "py") return ContentClass::kPython;
  if (extension == "pyc") return ContentClass::kBytecode;
  // libcudart.so.12, libz.so.1.2.13
  if (extension == "so" || extension == "a" || extension == "o" ||
      name.find(".so.") != std::string_view::npos) {
    return ContentClass::kBinary;
  }
  if (contains(kText, extension)) return ContentClass::kText;
  if (contains(kPacked, extension)) return ContentClass::kPacked;
  return executable ? ContentClass::kBinary : ContentClass::kOther;
}

}  // namespace eb
