#pragma once

#include <map>
#include <mutex>
#include <string>

#include "installer/base/digest.hpp"
#include "tests/support/hostile_server.hpp"

namespace eb::test {

/// A package index on loopback: project pages in JSON or HTML, files with Range.
class LocalIndex {
 public:
  struct Options {
    bool json = true;
    bool sizes = true;      ///< JSON only
    bool metadata = false;  ///< FILE.metadata is served and announced
    bool ranges = true;     ///< parts of files are sent
  };

  explicit LocalIndex(Options options)
      : options_(options), server_([this](const ReceivedRequest& request, ServerConnection& to) {
          answer(request, to);
        }) {}

  /// Before the first request.
  void add(const std::string& project, const std::string& file, const std::string& content,
           const std::string& metadata = "") {
    const std::scoped_lock lock(mutex_);
    pages_[project][file] = content;
    metadata_[file] = metadata;
  }
  std::string url() const { return server_.url("/simple/"); }
  std::string file_url(const std::string& file) const { return server_.url("/files/" + file); }
  std::vector<ReceivedRequest> requests() const { return server_.requests(); }

 private:
  void answer(const ReceivedRequest& request, ServerConnection& to) const {
    const std::scoped_lock lock(mutex_);
    const std::string& target = request.target;
    if (target.starts_with("/simple/")) {
      const auto page = pages_.find(target.substr(8, target.size() - 9));
      if (page == pages_.end()) {
        to.reply("404 Not Found", {}, "");
      } else if (options_.json) {
        to.reply("200 OK", {"Content-Type: application/vnd.pypi.simple.v1+json"},
                 json_page(page->second));
      } else {
        to.reply("200 OK", {"Content-Type: text/html"}, html_page(page->second));
      }
      return;
    }
    std::string file = target.substr(target.rfind('/') + 1);
    const bool wants_metadata = file.ends_with(".metadata");
    if (wants_metadata) file.resize(file.size() - 9);
    for (const auto& [project, files] : pages_) {
      const auto found = files.find(file);
      if (found == files.end()) continue;
      if (!wants_metadata) return send_file(request, to, found->second);
      if (options_.metadata) {
        to.reply("200 OK", {}, metadata_.at(file));
        return;
      }
    }
    to.reply("404 Not Found", {}, "");
  }

  /// `Range: bytes=FIRST-[LAST]` or the whole.
  void send_file(const ReceivedRequest& request, ServerConnection& to,
                 const std::string& content) const {
    const std::string range = request.header("range");
    if (!options_.ranges || !range.starts_with("bytes=")) {
      to.reply("200 OK", {}, content);
      return;
    }
    const size_t first = std::stoul(range.substr(6));
    const std::string end = range.substr(range.find('-') + 1);
    const size_t last = end.empty() ? content.size() - 1 : std::stoul(end);
    to.reply("206 Partial Content",
             {"Content-Range: bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" +
              std::to_string(content.size())},
             content.substr(first, last + 1 - first));
  }

  std::string json_page(const std::map<std::string, std::string>& files) const {
    std::string out;
    for (const auto& [name, content] : files) {
      out += (out.empty() ? "" : ",") + ("{\"filename\":\"" + name) + "\",\"url\":\"/files/" +
             name + "\",\"hashes\":{\"sha256\":\"" + sha256(as_bytes(content)).hex() + "\"}" +
             (options_.sizes ? ",\"size\":" + std::to_string(content.size()) : "") +
             (options_.metadata ? ",\"core-metadata\":{\"sha256\":\"" +
                                      sha256(as_bytes(metadata_.at(name))).hex() + "\"}"
                                : "") +
             ",\"upload-time\":\"2026-09-05T09:45:12Z\"}";
    }
    return "{\"meta\":{\"api-version\":\"1.1\"},\"name\":\"x\",\"files\":[" + out + "]}";
  }

  static std::string html_page(const std::map<std::string, std::string>& files) {
    std::string out = "<!DOCTYPE html><html><body>";
    for (const auto& [name, content] : files) {
      out += "<a href=\"../../files/" + name + "#sha256=" + sha256(as_bytes(content)).hex() +
             "\">" + name + "</a>";
    }
    return out + "</body></html>";
  }

  Options options_;
  mutable std::mutex mutex_;  ///< guards the two maps: each connection has its thread
  std::map<std::string, std::map<std::string, std::string>> pages_;
  std::map<std::string, std::string> metadata_;
  HostileServer server_;  ///< last: its threads use what stands above
};

}  // namespace eb::test
