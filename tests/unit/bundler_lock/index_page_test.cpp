#include "bundler/lock/index_page.hpp"

#include <catch2/catch.hpp>

#include "tests/support/thrown_error.hpp"

namespace eb {
namespace {

const std::string kHash(64, 'b');

HttpDocument page(const std::string& type, const std::string& body) {
  HttpDocument out;
  out.status = 200;
  out.content_type = type;
  out.final_url = "https://i.example/simple/a/";
  out.body = body;
  return out;
}
HttpDocument json(const std::string& body) {
  return page("application/vnd.pypi.simple.v1+json; charset=utf-8", body);
}
HttpDocument html(const std::string& body) { return page("text/html", body); }

TEST_CASE("a JSON page") {
  const auto files = parse_index_page(json(
      R"({"meta":{"api-version":"1.4"},"name":"a","files":[
        {"filename":"a-1-py3-none-any.whl","url":"../../f/a-1-py3-none-any.whl","size":9,
         "hashes":{"sha256":")" +
      kHash + R"(","md5":"1"},"yanked":false,
         "core-metadata":{"sha256":")" +
      kHash + R"("},"upload-time":"2026-01-01T00:00:00Z"},
        {"filename":"a-2-py3-none-any.whl","url":"https://f.example/a-2-py3-none-any.whl",
         "hashes":{},"yanked":"broken","core-metadata":true},
        {"filename":"a-3.tar.gz","url":"a-3.tar.gz","hashes":{}},
        {"filename":"x/a-4-py3-none-any.whl","url":"y","hashes":{}}, 7 ]})"));
  REQUIRE(files.size() == 2);
  CHECK(files[0].url == "https://i.example/f/a-1-py3-none-any.whl");
  CHECK(files[0].digest == Sha256::from_hex(kHash));
  CHECK(files[0].size_bytes == 9);
  CHECK(files[0].metadata_digest == files[0].digest);
  CHECK(files[0].upload_time == "2026-01-01T00:00:00Z");
  CHECK_FALSE(files[0].yanked);
  CHECK(files[1].yanked);
  CHECK(files[1].has_metadata);
  CHECK_FALSE(files[1].digest);
}

TEST_CASE("an HTML page") {
  const auto files = parse_index_page(
      html("<!DOCTYPE html><html><head><base href='/pool/'>"
           "<meta name=\"pypi:repository-version\" content=\"1.0\"></head><body>\n"
           "<!-- <a href=\"hidden-1-py3-none-any.whl\">no</a> -->"
           "<A HREF=\"a-1-py3-none-any.whl#sha256=" +
           kHash + "\" data-yanked data-dist-info-metadata=\"sha256=" + kHash +
           "\">a</A>"
           "<a href='torch-2.8.0%2Bcu128-cp311-cp311-linux_x86_64.whl?a=1&amp;b=2&#38;c'>t</a>"
           "<a href=a-2-py3-none-any.whl data-core-metadata=true>x</a>"
           "<a name=\"nothing\"></a><a href=\"a-3.zip\">z</a>"));
  REQUIRE(files.size() == 3);
  CHECK(files[0].url == "https://i.example/pool/a-1-py3-none-any.whl");
  CHECK(files[0].digest == Sha256::from_hex(kHash));
  CHECK(files[0].yanked);
  CHECK(files[0].metadata_digest == files[0].digest);
  CHECK(files[1].file_name == "torch-2.8.0+cu128-cp311-cp311-linux_x86_64.whl");
  CHECK(files[1].url ==
        "https://i.example/pool/torch-2.8.0%2Bcu128-cp311-cp311-linux_x86_64.whl?a=1&b=2&c");
  CHECK_FALSE(files[1].digest);
  CHECK(files[2].has_metadata);
}

TEST_CASE("pages that end in the middle are read as far as they go") {
  const auto text = GENERATE("<a href=\"a-1-py3-none-any.whl", "<a href=", "<a", "<", "<!--",
                             "<a href=\"", "<a href='x' ", "&#99999999999;<a href=&#x;>");
  INFO(text);
  CHECK_NOTHROW(parse_index_page(html(text)));
}

struct Bad {
  HttpDocument page;
  std::string why;
};

TEST_CASE("what is no page of an index is refused") {
  std::string deep = "{\"meta\":{\"api-version\":\"1.0\"},\"files\":";
  for (int i = 0; i < 100000; ++i) deep += "[";
  const auto bad = GENERATE_COPY(values<Bad>({
      {json("{"), "it is no JSON object"},
      {json("[]"), "it is no JSON object"},
      {json("{}"), "it has version none of the interface, 1.x is known"},
      {json(R"({"meta":{"api-version":"2.0"},"files":[]})"),
       "it has version 2.0 of the interface, 1.x is known"},
      {json(R"({"meta":{"api-version":"1.0"},"files":{}})"), "it lists no files"},
      {json(deep), "its JSON is nested more than 16 deep"},
      {html("<meta name=\"pypi:repository-version\" content=\"2.0\">"),
       "it has version 2.0 of the interface, 1.x is known"},
      {html("\xff\xfe"), "it is not UTF-8"},
      {page("image/png", "x"), "its content type is image/png"},
  }));
  const Error error = test::thrown_error([&] { parse_index_page(bad.page); });
  CHECK(error.code() == ExitCode::kNetwork);
  CHECK(std::string(error.what()) == "not a page of a package index");
  CHECK(error.why() == bad.why);
}

}  // namespace
}  // namespace eb
