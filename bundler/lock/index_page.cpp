#include "bundler/lock/index_page.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>

#include "bundler/fetch/url.hpp"
#include "installer/base/error.hpp"
#include "installer/base/utf8.hpp"

namespace eb {
namespace {

constexpr size_t kMaxPageBytes = size_t{64} << 20;
constexpr size_t kMaxFiles = 1'000'000;
constexpr int kMaxDepth = 16;

Error bad_page(const HttpDocument& page, std::string why) {
  return Error(ExitCode::kNetwork, "not a page of a package index")
      .where(shown_url(page.final_url))
      .why(std::move(why));
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::optional<Sha256> digest_of(const std::string& text) {
  try {
    return Sha256::from_hex(text);
  } catch (const Error&) {
    return std::nullopt;  // a page may hold anything; without a digest the file is not believed
  }
}

bool is_wheel(const std::string& name) {
  return name.ends_with(".whl") && name.find('/') == std::string::npos;
}

// --- JSON

nlohmann::json parse_json(const HttpDocument& page) {
  bool too_deep = false;
  const nlohmann::json::parser_callback_t keep = [&](int depth, nlohmann::json::parse_event_t,
                                                     nlohmann::json&) {
    if (depth > kMaxDepth) too_deep = true;
    return depth <= kMaxDepth;
  };
  nlohmann::json out = nlohmann::json::parse(page.body, keep, false);
  if (too_deep)
    throw bad_page(page, "its JSON is nested more than " + std::to_string(kMaxDepth) + " deep");
  if (out.is_discarded() || !out.is_object()) throw bad_page(page, "it is no JSON object");
  return out;
}

std::string text_of(const nlohmann::json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

/// `core-metadata`, or its older name: true, or an object of hashes.
void read_metadata_key(const nlohmann::json& object, IndexFile& out) {
  for (const char* key : {"core-metadata", "data-dist-info-metadata", "dist-info-metadata"}) {
    const auto at = object.find(key);
    if (at == object.end()) continue;
    if (at->is_boolean()) out.has_metadata = at->get<bool>();
    if (at->is_object()) {
      out.has_metadata = true;
      out.metadata_digest = digest_of(text_of(*at, "sha256"));
    }
    return;
  }
}

std::vector<IndexFile> parse_json_page(const HttpDocument& page) {
  const nlohmann::json document = parse_json(page);
  const auto meta = document.find("meta");
  const std::string version =
      meta != document.end() && meta->is_object() ? text_of(*meta, "api-version") : "";
  if (!version.starts_with("1.")) {
    throw bad_page(page, "it has version " + (version.empty() ? "none" : version) +
                             " of the interface, 1.x is known");
  }
  const auto files = document.find("files");
  if (files == document.end() || !files->is_array()) throw bad_page(page, "it lists no files");
  if (files->size() > kMaxFiles) throw bad_page(page, "it lists too many files");
  std::vector<IndexFile> out;
  for (const auto& file : *files) {
    if (!file.is_object()) continue;
    IndexFile entry;
    entry.file_name = text_of(file, "filename");
    const auto url = resolve_url(page.final_url, text_of(file, "url"));
    if (!is_wheel(entry.file_name) || !url) continue;
    entry.url = *url;
    const auto hashes = file.find("hashes");
    if (hashes != file.end() && hashes->is_object())
      entry.digest = digest_of(text_of(*hashes, "sha256"));
    const auto size = file.find("size");
    if (size != file.end() && size->is_number_unsigned()) entry.size_bytes = size->get<uint64_t>();
    const auto yanked = file.find("yanked");
    entry.yanked = yanked != file.end() && !(yanked->is_boolean() && !yanked->get<bool>());
    read_metadata_key(file, entry);
    entry.upload_time = text_of(file, "upload-time");
    out.push_back(std::move(entry));
  }
  return out;
}

// --- HTML, as far as PEP 503 needs it: <a> and <base> with their attributes

std::string unescaped(std::string_view text) {
  static const std::map<std::string_view, std::string_view> kNamed = {
      {"amp", "&"}, {"lt", "<"}, {"gt", ">"}, {"quot", "\""}, {"apos", "'"}};
  std::string out;
  while (!text.empty()) {
    const size_t amp = std::min(text.find('&'), text.size());
    out += text.substr(0, amp);
    text.remove_prefix(amp);
    if (text.empty()) break;
    const size_t end = text.find(';');
    const std::string_view name =
        end == std::string_view::npos || end > 10 ? "" : text.substr(1, end - 1);
    const auto named = kNamed.find(name);
    if (named != kNamed.end()) {
      out += named->second;
    } else if (name.size() > 1 && name[0] == '#') {
      const bool hex = name[1] == 'x' || name[1] == 'X';
      const long code =
          std::strtol(std::string(name.substr(hex ? 2 : 1)).c_str(), nullptr, hex ? 16 : 10);
      if (code < 1 || code > 126) {  // URLs and file names of wheels are ASCII
        out += '&';
        text.remove_prefix(1);
        continue;
      }
      out += static_cast<char>(code);
    } else {
      out += '&';
      text.remove_prefix(1);
      continue;
    }
    text.remove_prefix(end + 1);
  }
  return out;
}

struct Tag {
  std::string name;
  std::map<std::string, std::string> attributes;
};

bool is_blank(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

/// `text` begins after "<" and is left after ">".
Tag take_tag(std::string_view& text) {
  Tag out;
  size_t length = 0;
  while (length < text.size() && !is_blank(text[length]) && text[length] != '>') ++length;
  out.name = lower(text.substr(0, length));
  text.remove_prefix(length);
  while (!text.empty() && text.front() != '>') {
    if (is_blank(text.front()) || text.front() == '/') {
      text.remove_prefix(1);
      continue;
    }
    length = 0;
    while (length < text.size() && !is_blank(text[length]) && text[length] != '=' &&
           text[length] != '>') {
      ++length;
    }
    const std::string key = lower(text.substr(0, length));
    text.remove_prefix(length);
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    std::string value;
    if (!text.empty() && text.front() == '=') {
      text.remove_prefix(1);
      while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
      if (!text.empty() && (text.front() == '"' || text.front() == '\'')) {
        const size_t end = std::min(text.find(text.front(), 1), text.size() - 1);
        value = unescaped(text.substr(1, end > 0 ? end - 1 : 0));
        text.remove_prefix(end + 1);
      } else {
        length = 0;
        while (length < text.size() && !is_blank(text[length]) && text[length] != '>') ++length;
        value = unescaped(text.substr(0, length));
        text.remove_prefix(length);
      }
    }
    out.attributes.emplace(key, value);
  }
  if (!text.empty()) text.remove_prefix(1);
  return out;
}

std::string decoded_name(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  std::string name(url.substr(url.rfind('/') + 1));
  for (size_t at = name.find("%2B"); at != std::string::npos; at = name.find("%2B")) {
    name.replace(at, 3, "+");
  }
  for (size_t at = name.find("%2b"); at != std::string::npos; at = name.find("%2b")) {
    name.replace(at, 3, "+");
  }
  return name;
}

void read_anchor(const Tag& tag, const std::string& base, std::vector<IndexFile>& out) {
  const auto href = tag.attributes.find("href");
  if (href == tag.attributes.end()) return;
  const size_t hash = std::min(href->second.find('#'), href->second.size());
  const auto url = resolve_url(base, href->second.substr(0, hash));
  IndexFile entry;
  entry.file_name = decoded_name(href->second.substr(0, hash));
  if (!url || !is_wheel(entry.file_name)) return;
  entry.url = *url;
  constexpr std::string_view kSha256 = "#sha256=";
  const std::string fragment = href->second.substr(hash);
  if (fragment.starts_with(kSha256)) {
    entry.digest = digest_of(fragment.substr(kSha256.size(), 64));
  }
  entry.yanked = tag.attributes.count("data-yanked") != 0;
  for (const char* key : {"data-core-metadata", "data-dist-info-metadata"}) {
    const auto at = tag.attributes.find(key);
    if (at == tag.attributes.end()) continue;
    entry.has_metadata = lower(at->second) != "false";
    if (at->second.starts_with("sha256=")) entry.metadata_digest = digest_of(at->second.substr(7));
    break;
  }
  out.push_back(std::move(entry));
}

std::vector<IndexFile> parse_html_page(const HttpDocument& page) {
  std::vector<IndexFile> out;
  std::string base = page.final_url;
  std::string_view text = page.body;
  while (true) {
    const size_t open = text.find('<');
    if (open == std::string_view::npos) return out;
    text.remove_prefix(open + 1);
    if (text.starts_with("!--")) {
      const size_t end = text.find("-->");
      if (end == std::string_view::npos) return out;
      text.remove_prefix(end + 3);
      continue;
    }
    const Tag tag = take_tag(text);
    if (tag.name == "base" && tag.attributes.count("href") != 0) {
      base = resolve_url(page.final_url, tag.attributes.at("href")).value_or(base);
    } else if (tag.name == "a") {
      read_anchor(tag, base, out);
      if (out.size() > kMaxFiles) throw bad_page(page, "it lists too many files");
    } else if (tag.name == "meta" && tag.attributes.count("name") != 0 &&
               tag.attributes.at("name") == "pypi:repository-version") {
      const auto version = tag.attributes.find("content");
      if (version != tag.attributes.end() && !version->second.starts_with("1.")) {
        throw bad_page(page,
                       "it has version " + version->second + " of the interface, 1.x is known");
      }
    }
  }
}

}  // namespace

std::vector<IndexFile> parse_index_page(const HttpDocument& page) {
  const std::string type = lower(page.content_type.substr(0, page.content_type.find(';')));
  if (!is_utf8(page.body)) throw bad_page(page, "it is not UTF-8");
  if (type == "application/vnd.pypi.simple.v1+json" || type == "application/json") {
    return parse_json_page(page);
  }
  // A folder's own page (find-links, file:) comes without a type.
  if (type == "application/vnd.pypi.simple.v1+html" || type == "text/html" || type.empty()) {
    return parse_html_page(page);
  }
  throw bad_page(page, "its content type is " + (type.empty() ? "missing" : type));
}

std::optional<std::vector<IndexFile>> read_index_page(const std::string& index_url,
                                                      const std::string& project,
                                                      const FetchOptions& options) {
  const std::string url = index_url + (index_url.ends_with("/") ? "" : "/") + project + "/";
  const HttpDocument page =
      fetch_document(url,
                     {"Accept: application/vnd.pypi.simple.v1+json, "
                      "application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"},
                     kMaxPageBytes, options);
  if (page.status == 404 || page.status == 410) return std::nullopt;
  if (page.status != 200) {
    throw Error(ExitCode::kNetwork, "the package index does not answer with a page")
        .where(shown_url(url))
        .why("status " + std::to_string(page.status))
        .hint(page.status == 401 || page.status == 403
                  ? "a name and password for it belong into ~/.netrc"
                  : "the address comes from pip's configuration, or from --index-url");
  }
  return parse_index_page(page);
}

}  // namespace eb
