#include "tests/fetch/fetch_fixture.hpp"

#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

#include "installer/base/digest.hpp"

namespace eb::test {

void RecordingSink::on(const Event& event) noexcept {
  if (const auto* note = std::get_if<Note>(&event)) text_ += "note: " + note->text + "\n";
  if (const auto* warning = std::get_if<Warning>(&event)) {
    text_ += "warning: " + warning->text + "\n";
  }
  if (const auto* phase = std::get_if<PhaseStarted>(&event)) {
    phases_.push_back("start " + phase->phase);
    phase_total_ = phase->total;
  }
  if (const auto* phase = std::get_if<PhaseFinished>(&event)) {
    phases_.push_back("finish " + phase->phase);
  }
  if (const auto* progress = std::get_if<PhaseProgress>(&event)) last_done_ = progress->done;
}

size_t RecordingSink::count(const std::string& part) const {
  size_t out = 0;
  for (size_t at = text_.find(part); at != std::string::npos; at = text_.find(part, at + 1)) ++out;
  return out;
}

ScopedVariable::ScopedVariable(const char* name, const char* value)
    : name_(name), was_set_(std::getenv(name) != nullptr) {
  if (was_set_) before_ = std::getenv(name);
  if (value == nullptr) {
    unsetenv(name);
  } else {
    setenv(name, value, 1);
  }
}

ScopedVariable::~ScopedVariable() {
  if (was_set_) {
    setenv(name_, before_.c_str(), 1);
  } else {
    unsetenv(name_);
  }
}

FetchFixture::FetchFixture() : cache(directory.path() / "cache") {
  options.attempts = 3;
  options.backoff_seconds = 0.01;
  options.max_backoff_seconds = 0.1;
  options.low_speed_seconds = 1;
  options.connect_timeout_seconds = 5;
  options.allow_loopback_redirects = true;
  for (const char* name :
       {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy",
        "NO_PROXY", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC"}) {
    variables_.push_back(std::make_unique<ScopedVariable>(name, nullptr));
  }
  variables_.push_back(
      std::make_unique<ScopedVariable>("HOME", directory.path().c_str()));  // no ~/.netrc
}

FetchRequest FetchFixture::request(const std::string& content, std::vector<std::string> urls,
                                   const std::string& label) const {
  return {.label = label,
          .size_bytes = content.size(),
          .digest = sha256(as_bytes(content)),
          .urls = std::move(urls)};
}

std::vector<FetchResult> FetchFixture::fetch(const std::vector<FetchRequest>& requests) {
  return fetch_all(requests, cache, options, events);
}

std::string FetchFixture::fetch_content(const FetchRequest& wanted) {
  const std::vector<FetchResult> results = fetch({wanted});
  REQUIRE(results.size() == 1);
  CHECK(results[0].digest == wanted.digest);
  CHECK(results[0].path == cache.path_of(wanted.digest));
  CHECK(partial_names().empty());
  checked_store();
  return read_file(results[0].path);
}

Error FetchFixture::fetch_error(const FetchRequest& wanted) {
  Error error = thrown_error([&] { fetch({wanted}); });
  checked_store();
  CHECK_FALSE(std::filesystem::exists(cache.path_of(wanted.digest)));
  CHECK(contains(error.what(), wanted.label));
  return error;
}

void FetchFixture::leave_partial(const FetchRequest& wanted, const std::string& bytes) {
  write_file(cache.partial_path(wanted.digest), bytes);
}

std::string FetchFixture::partial_content(const FetchRequest& wanted) const {
  return read_file(cache.partial_path(wanted.digest));
}

size_t FetchFixture::checked_store() const {
  size_t files = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(cache.directory() / "sha256")) {
    if (entry.is_directory()) continue;
    ++files;
    CHECK(sha256(as_bytes(read_file(entry.path()))).hex() == entry.path().filename());
  }
  return files;
}

std::vector<std::string> FetchFixture::partial_names() const {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(cache.partial_directory())) {
    out.push_back(entry.path().filename());
  }
  return out;
}

std::string make_content(size_t size, unsigned seed) {
  std::mt19937 engine(seed);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(engine());
  return out;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream out;
  out << stream.rdbuf();
  return out.str();
}

void write_file(const std::filesystem::path& path, const std::string& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

std::string all_text(const Error& error) { return render_error("test", error); }

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace eb::test
