#include "bundler/lock/sources.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/support/temp_dir.hpp"
#include "tests/support/thrown_error.hpp"
#include "tests/unit/bundler_lock/local_index.hpp"

namespace eb {
namespace {

using test::LocalIndex;
using test::TempDir;
using test::thrown_error;

Artifact wheel(const std::string& content, const std::string& file = "a-1-py3-none-any.whl") {
  Artifact out;
  out.kind = ArtifactKind::kWheel;
  out.name = "a";
  out.version = "1";
  out.file_name = file;
  out.size_bytes = content.size();
  out.digest = sha256(as_bytes(content));
  return out;
}

Artifact deb() {
  Artifact out;
  out.kind = ArtifactKind::kDeb;
  out.name = "git";
  out.version = "1:2";
  out.file_name = "git_2+x_amd64.deb";
  out.source = "pool/main/g/git/git_2+x_amd64.deb";
  out.archive = "debian";
  return out;
}

FetchOptions quick() {
  FetchOptions out;
  out.attempts = 2;
  out.backoff_seconds = 0.01;
  return out;
}

TEST_CASE("wheels are found by name and digest on the index's page") {
  const bool json = GENERATE(true, false);
  LocalIndex first({.json = json});
  first.add("a", "a-1-py3-none-any.whl", "another build");
  LocalIndex second({.json = json});
  second.add("a", "a-1-py3-none-any.whl", "content");
  second.add("a", "a-2-py3-none-any.whl", "newer");
  Sources sources;
  sources.index_urls = {first.url(), second.url()};
  SourceFinder finder(Lock(), sources, ".", quick());
  CHECK(finder.urls(wheel("content")) ==
        std::vector<std::string>{second.file_url("a-1-py3-none-any.whl")});
  CHECK(finder.urls(wheel("another build")).size() == 1);
  CHECK(first.requests().size() == 1);  // a page is read once
  CHECK(first.requests()[0].header("accept").starts_with("application/vnd.pypi.simple.v1+json"));
}

TEST_CASE("find-links folders come after the index") {
  const TempDir dir;
  std::ofstream(dir.path() / "a-1-py3-none-any.whl") << "content";
  std::ofstream(dir.path() / "b-1-py3-none-any.whl") << "other project";
  LocalIndex index({});
  index.add("a", "a-1-py3-none-any.whl", "content");
  Sources sources;
  sources.index_urls = {index.url()};
  sources.find_links = {dir.path().string()};
  SourceFinder finder(Lock(), sources, ".", quick());
  CHECK(finder.urls(wheel("content")) ==
        std::vector<std::string>{index.file_url("a-1-py3-none-any.whl"),
                                 (dir.path() / "a-1-py3-none-any.whl").string()});
}

TEST_CASE("a wheel that no index has") {
  LocalIndex index({});
  index.add("a", "a-1-py3-none-any.whl", "content");
  Sources sources;
  sources.index_urls = {index.url()};
  SourceFinder finder(Lock(), sources, ".", quick());
  const Error gone = thrown_error([&] { finder.urls(wheel("content", "a-7-py3-none-any.whl")); });
  CHECK(gone.code() == ExitCode::kNetwork);
  CHECK(std::string(gone.what()) == "no index has a-7-py3-none-any.whl");
  CHECK(gone.where() == index.url());
  CHECK(gone.why() == "the project's page does not list it");
  CHECK(gone.hints() ==
        std::vector<std::string>{"another index can be named: --index-url URL, --sources FILE",
                                 "or renew the version: envbundle lock --upgrade=a"});
  const Error other = thrown_error([&] { finder.urls(wheel("changed")); });
  CHECK(other.why() == "the file of this name there has another sha256 than the lock's " +
                           sha256(as_bytes("changed")).hex());
}

TEST_CASE("an index that does not answer") {
  test::HostileServer server([](const test::ReceivedRequest&, test::ServerConnection& to) {
    to.reply("403 Forbidden", {}, "no");
  });
  Sources sources;
  sources.index_urls = {server.url("/simple")};
  SourceFinder finder(Lock(), sources, ".", quick());
  const Error error = thrown_error([&] { finder.urls(wheel("x")); });
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(std::string(error.what()) == "the package index does not answer with a page");
  CHECK(error.where() == server.url("/simple/a/"));
  CHECK(error.why() == "status 403");
}

TEST_CASE("debs: each root that serves the suite, then the snapshots") {
  Lock lock;
  lock.suite = "bookworm";
  lock.timestamp = "20260905T094512Z";
  Sources sources;
  sources.archives = {{"debian", "http://a.example/debian/", {"bookworm", "bookworm-updates"}},
                      {"debian", "http://b.example/ubuntu/", {"noble"}},
                      {"debian-security", "http://c.example/", {"bookworm-security"}},
                      {"debian", "http://d.example/", {}}};
  SourceFinder finder(lock, sources, ".", quick());
  const std::string path = deb().source;
  CHECK(finder.urls(deb()) ==
        std::vector<std::string>{
            "http://a.example/debian/" + path, "http://d.example/" + path,
            "https://snapshot.debian.org/archive/debian/20260906T094512Z/" + path,
            "https://snapshot.debian.org/archive/debian/20260905T094512Z/" + path});
  sources.archives = {};
  sources.snapshot = false;
  SourceFinder none(lock, sources, ".", quick());
  const Error error = thrown_error([&] { none.urls(deb()); });
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(std::string(error.what()) == "no archive for git_2+x_amd64.deb");
  CHECK(error.hints() ==
        std::vector<std::string>{"name an archive: --archive-url debian=URL, or --sources FILE"});
}

TEST_CASE("what the manifest names itself") {
  Artifact file;
  file.kind = ArtifactKind::kFile;
  file.source = "site/motd";
  SourceFinder finder(Lock(), {}, "/locks", quick());
  CHECK(finder.urls(file) == std::vector<std::string>{"/locks/site/motd"});
  file.source = "https://example.com/motd";
  CHECK(finder.urls(file) == std::vector<std::string>{"https://example.com/motd"});
  file.kind = ArtifactKind::kConda;
  file.file_name = "x.conda";
  const Error error = thrown_error([&] { finder.urls(file); });
  CHECK(error.code() == ExitCode::kInvalidLock);
  CHECK(std::string(error.what()) == "artifacts of kind 'conda' cannot be fetched yet");
}

TEST_CASE("only what is not in the cache is looked up") {
  const TempDir dir;
  const ArtifactCache cache(dir.path() / "cache");
  LocalIndex index({});
  index.add("a", "a-1-py3-none-any.whl", "content");
  Lock lock;
  lock.artifacts = {wheel("content")};
  lock.artifacts.push_back(wheel("cached"));
  lock.artifacts[1].name = "b";
  Artifact folder;
  folder.kind = ArtifactKind::kFolder;
  lock.artifacts.push_back(folder);
  std::ofstream(dir.path() / "cached") << "cached";
  std::filesystem::create_directories(cache.directory());
  std::filesystem::rename(dir.path() / "cached", cache.directory() / "cached");
  cache.adopt(cache.directory() / "cached", sha256(as_bytes("cached")));
  Sources sources;
  sources.index_urls = {index.url()};
  SourceFinder finder(lock, sources, ".", quick());
  NullSink events;
  const auto requests = fetch_requests(lock, finder, cache, events);
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].urls.size() == 1);
  CHECK(requests[1].urls.empty());
  CHECK(index.requests().size() == 1);
  const auto results = fetch_all(requests, cache, quick(), events);
  CHECK_FALSE(results[0].was_cached);
  CHECK(results[1].was_cached);
}

TEST_CASE("a sources file, and options before it") {
  const TempDir dir;
  const auto file = dir.path() / "sources.toml";
  std::ofstream(file) << "index-urls = [\"https://i.example/simple\"]\n"
                         "find-links = [\"/wheels\"]\nca-file = \"/ca.pem\"\n"
                         "keyring = \"/k.gpg\"\nsnapshot = false\n"
                         "[[archive]]\nurl = \"https://m.example/debian-security\"\n"
                         "[[archive]]\nname = \"debian\"\nurl = \"https://m.example/d/\"\n"
                         "suites = [\"bookworm\"]\n";
  SourcesOptions options;
  options.file = file;
  Sources sources = find_sources(options, true, true);
  CHECK(sources.index_urls == std::vector<std::string>{"https://i.example/simple"});
  CHECK(sources.find_links == std::vector<std::string>{"/wheels"});
  CHECK(sources.ca_file == "/ca.pem");
  CHECK(sources.keyring == "/k.gpg");
  CHECK_FALSE(sources.snapshot);
  REQUIRE(sources.archives.size() == 2);
  CHECK(sources.archives[0].archive == "debian-security");
  CHECK(sources.archives[0].url == "https://m.example/debian-security/");
  CHECK(sources.archives[1].suites == std::vector<std::string>{"bookworm"});

  options.index_urls = {"https://j.example/simple"};
  options.archive_urls = {"https://n.example/x?a=b", "debian-security=https://n.example/s"};
  sources = find_sources(options, true, true);
  CHECK(sources.index_urls == options.index_urls);
  REQUIRE(sources.archives.size() == 2);
  CHECK(sources.archives[0].archive == "debian");
  CHECK(sources.archives[1].archive == "debian-security");
  CHECK(sources.archives[1].url == "https://n.example/s/");

  std::ofstream(file) << "indx-urls = []\n";
  const Error error = thrown_error([&] { find_sources(options, true, true); });
  CHECK(error.code() == ExitCode::kInvalidLock);
  CHECK(std::string(error.what()) == "unknown key 'indx-urls'");
  CHECK(error.hints()[0] == "did you mean 'index-urls'?");
}

TEST_CASE("a Python without pip is told with the way around") {
  SourcesOptions options;
  options.python = "/nowhere/python3";
  const Error error = thrown_error([&] { find_sources(options, true, false); });
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(std::string(error.what()) == "cannot ask pip which index it uses");
  CHECK(error.why() == "there is no program /nowhere/python3");
  CHECK(error.hints() == std::vector<std::string>{
                             "install pip for this Python, or name the index: --index-url URL"});
  CHECK_NOTHROW(find_sources(options, false, false));
}

}  // namespace
}  // namespace eb
