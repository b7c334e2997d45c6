#include "bundler/fetch/failure_report.hpp"

#include <algorithm>

namespace eb {
namespace {

constexpr size_t kMaxFilesShown = 20;

bool all_gone(const FetchFailure& failure) {
  return !failure.answers.empty() &&
         std::all_of(failure.answers.begin(), failure.answers.end(),
                     [](const PlaceAnswer& a) { return a.kind == FailureKind::kGone; });
}

bool is_mismatch(const FetchFailure& failure) {
  return std::any_of(failure.answers.begin(), failure.answers.end(),
                     [](const PlaceAnswer& a) { return a.kind == FailureKind::kMismatch; });
}

bool is_deb(const FetchFailure& failure) { return failure.label.ends_with(".deb"); }

std::string what_of(const FetchFailure& failure) {
  if (failure.answers.empty()) {
    return failure.label + " is not in the cache and no place to fetch it from is known";
  }
  if (is_mismatch(failure)) return "the download of " + failure.label + " does not match the lock";
  if (all_gone(failure)) {
    return failure.label + (is_deb(failure) ? " is gone from the archive"
                            : failure.answers.size() == 1
                                ? " is gone from its place"
                                : " is gone from every place known for it");
  }
  return "cannot download " + failure.label;
}

std::string answers_text(const FetchFailure& failure) {
  std::string out;
  for (const PlaceAnswer& answer : failure.answers) {
    if (!out.empty()) out += "; ";
    out += answer.url + ": " + answer.answer;
  }
  return out.empty() ? "no place is known for it" : out;
}

template <typename Predicate>
bool any_file(const std::vector<FetchFailure>& failures, Predicate predicate) {
  return std::any_of(failures.begin(), failures.end(), predicate);
}

template <typename Predicate>
bool any_answer(const std::vector<FetchFailure>& failures, Predicate predicate) {
  return any_file(failures, [&](const FetchFailure& failure) {
    return std::any_of(failure.answers.begin(), failure.answers.end(), predicate);
  });
}

void add_hints(const std::vector<FetchFailure>& failures, Error& error) {
  if (any_answer(failures, [](const PlaceAnswer& a) { return a.looks_like_html; })) {
    error.hint(
        "the first bytes look like HTML: a login page, proxy or captive portal answered instead of "
        "the server");
  }
  if (any_file(failures, is_mismatch)) {
    error.hint("what did not match was thrown away; nothing wrong is in the cache");
  }
  if (any_answer(failures, [](const PlaceAnswer& a) { return a.is_certificate; })) {
    error.hint(
        "if your site inspects TLS, name its CA certificates in SSL_CERT_FILE; check the clock "
        "too");
  }
  if (any_file(failures, [](const FetchFailure& f) { return all_gone(f) && is_deb(f); })) {
    error.hint(
        "an archive keeps only the newest versions: add the snapshot archive to the sources, or "
        "renew the lock");
  }
  if (any_answer(failures,
                 [](const PlaceAnswer& a) { return a.kind == FailureKind::kTransient; })) {
    error.hint("what was downloaded so far is kept; run the same command again to go on");
  }
}

}  // namespace

Error describe_failures(const std::vector<FetchFailure>& failures, size_t file_count) {
  const ExitCode code =
      any_file(failures, is_mismatch) ? ExitCode::kDownloadMismatch : ExitCode::kNetwork;
  const FetchFailure& first = failures.front();
  if (failures.size() == 1) {
    Error error(code, what_of(first));
    if (first.answers.size() == 1) {
      error.where(first.answers[0].url).why(first.answers[0].answer);
    } else if (!first.answers.empty()) {
      error.where(std::to_string(first.answers.size()) + " places tried").why(answers_text(first));
    }
    add_hints(failures, error);
    return error;
  }
  Error error(code, std::to_string(failures.size()) + " of " + std::to_string(file_count) +
                        " files could not be obtained");
  error.where(first.label + " and others").why(what_of(first));
  for (size_t i = 0; i < std::min(failures.size(), kMaxFilesShown); ++i) {
    error.hint(failures[i].label + ": " + answers_text(failures[i]));
  }
  if (failures.size() > kMaxFilesShown) {
    error.hint("and " + std::to_string(failures.size() - kMaxFilesShown) + " more files");
  }
  add_hints(failures, error);
  return error;
}

}  // namespace eb
