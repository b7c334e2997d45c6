#pragma once

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "bundler/fetch/fetch.hpp"
#include "installer/base/error.hpp"
#include "tests/support/hostile_server.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"

namespace eb::test {

/// Keeps every event as a line of text.
class RecordingSink final : public EventSink {
 public:
  void on(const Event& event) noexcept override;
  /// All notes and warnings, a line each.
  const std::string& text() const { return text_; }
  size_t count(const std::string& part) const;
  uint64_t last_done() const { return last_done_; }
  const std::vector<std::string>& phases() const { return phases_; }
  uint64_t phase_total() const { return phase_total_; }

 private:
  std::string text_;
  std::vector<std::string> phases_;
  uint64_t last_done_ = 0;
  uint64_t phase_total_ = 0;
};

/// Sets an environment variable, or unsets it (nullptr), for the length of a test.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value);
  ~ScopedVariable();
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const char* name_;
  bool was_set_;
  std::string before_;
};

/// An empty cache, options with limits short enough for tests, and an environment without proxies,
/// trust files and passwords.
class FetchFixture {
 public:
  FetchFixture();

  FetchRequest request(const std::string& content, std::vector<std::string> urls,
                       const std::string& label = "file.whl") const;
  std::vector<FetchResult> fetch(const std::vector<FetchRequest>& requests);
  std::string fetch_content(const FetchRequest& request);
  /// The error of fetching, after a check that the cache holds nothing wrong and not this file.
  Error fetch_error(const FetchRequest& request);

  /// Puts the first bytes of `content` where an interrupted run would have left them.
  void leave_partial(const FetchRequest& request, const std::string& bytes);
  std::string partial_content(const FetchRequest& request) const;
  /// Number of files in the store; fails the test when one is not what its name says.
  size_t checked_store() const;
  /// Names of what lies in the folder of partial files.
  std::vector<std::string> partial_names() const;

  TempDir directory;
  ArtifactCache cache;
  FetchOptions options;
  RecordingSink events;

 private:
  std::vector<std::unique_ptr<ScopedVariable>> variables_;
};

/// `size` bytes that look random and are the same in every run.
std::string make_content(size_t size, unsigned seed = 1);
std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, const std::string& content);
/// All of it in one text, for searching: what, where, why, hints.
std::string all_text(const Error& error);
bool contains(const std::string& text, const std::string& part);

}  // namespace eb::test
