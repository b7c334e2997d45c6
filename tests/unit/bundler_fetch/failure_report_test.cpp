#include "bundler/fetch/failure_report.hpp"

#include <catch2/catch.hpp>

namespace eb {
namespace {

PlaceAnswer answer(const std::string& url, const std::string& text, FailureKind kind) {
  PlaceAnswer out;
  out.url = url;
  out.answer = text;
  out.kind = kind;
  return out;
}

}  // namespace

TEST_CASE("describe_failures: one file, the whole text") {
  const Error error = describe_failures(
      {{"numpy.whl",
        {answer("https://example.com/numpy.whl", "answers 503", FailureKind::kTransient)}}},
      12);
  CHECK(render_error("envbundle", error) ==
        "envbundle: error: cannot download numpy.whl\n"
        "  where: https://example.com/numpy.whl\n"
        "  why:   answers 503\n"
        "  hint:  what was downloaded so far is kept; run the same command again to go on\n");
  CHECK(error.code() == ExitCode::kNetwork);
}

TEST_CASE("describe_failures: several files, the whole text") {
  const Error error = describe_failures(
      {{"a.deb",
        {answer("http://example.com/a.deb", "answers 404", FailureKind::kGone),
         answer("http://example.net/a.deb", "answers 410", FailureKind::kGone)}},
       {"b.whl", {answer("/srv/b.whl", "expected sha256 00, got 11", FailureKind::kMismatch)}}},
      12);
  CHECK(render_error("envbundle", error) ==
        "envbundle: error: 2 of 12 files could not be obtained\n"
        "  where: a.deb and others\n"
        "  why:   a.deb is gone from the archive\n"
        "  hint:  a.deb: http://example.com/a.deb: answers 404; http://example.net/a.deb: answers "
        "410\n"
        "  hint:  b.whl: /srv/b.whl: expected sha256 00, got 11\n"
        "  hint:  what did not match was thrown away; nothing wrong is in the cache\n"
        "  hint:  an archive keeps only the newest versions: add the snapshot archive to the "
        "sources, or renew the lock\n");
  CHECK(error.code() == ExitCode::kDownloadMismatch);
}

TEST_CASE("describe_failures: very many files") {
  std::vector<FetchFailure> failures;
  for (int i = 0; i < 50; ++i) {
    failures.push_back({std::to_string(i) + ".whl",
                        {answer("http://example.com/", "answers 403", FailureKind::kRefused)}});
  }
  const Error error = describe_failures(failures, 50);
  REQUIRE(error.hints().size() == 21);
  CHECK(error.hints()[20] == "and 30 more files");
}

TEST_CASE("describe_failures: no place") {
  const Error error = describe_failures({{"a.whl", {}}}, 1);
  CHECK(std::string(error.what()) ==
        "a.whl is not in the cache and no place to fetch it from is known");
  CHECK(error.where().empty());
}

}  // namespace eb
