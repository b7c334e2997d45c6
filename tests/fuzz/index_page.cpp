#include "bundler/lock/index_page.hpp"

#include "bundler/fetch/url.hpp"
#include "tests/fuzz/fuzz_target.hpp"

// A project's page: JSON when it begins with '{', else HTML.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace eb;
  HttpDocument page;
  page.status = 200;
  page.body = as_text(fuzz::bytes_of(data, size));
  page.content_type = page.body.starts_with('{') ? "application/vnd.pypi.simple.v1+json"
                                                 : "application/vnd.pypi.simple.v1+html";
  page.final_url = "https://index.example/simple/torch/";
  fuzz::accepts(
      [&] {
        for (const IndexFile& file : parse_index_page(page)) {
          fuzz::require(file.file_name.ends_with(".whl"), "only wheels are looked at");
          fuzz::require(file.file_name.find('/') == std::string::npos, "a name is one name");
          fuzz::require(parse_url(file.url).has_value(), "a link is a whole URL");
          fuzz::require(!shown_url(file.url).empty(), "a link can be shown");
          fuzz::require(file.has_metadata || !file.metadata_digest, "a digest is of something");
        }
      },
      ExitCode::kNetwork);
  return 0;
}
