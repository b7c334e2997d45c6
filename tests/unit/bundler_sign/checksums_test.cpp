#include "bundler/sign/checksums.hpp"

#include <catch2/catch.hpp>

#include "../bundler_pack/scratch.hpp"

namespace eb {
namespace {

using test::read_text;
using test::Scratch;
using test::shell;
using test::write_file;

TEST_CASE("sha256sum -c accepts SHA256SUMS, also with strange names") {
  const Scratch scratch;
  std::map<std::string, Sha256> digests;
  for (const std::string name : {"plain", "with space", "back\\slash", "new\nline", "\xc3\xa9"}) {
    write_file(scratch.root() / name, "content of " + name);
    digests[name] = sha256_of_file(scratch.root() / name);
  }
  update_checksums(scratch.root(), digests);
  CHECK(parse_checksums(read_text(scratch / "SHA256SUMS")) == digests);
  CHECK(shell("cd '" + scratch.root().string() + "' && sha256sum --strict -c SHA256SUMS",
              scratch / "log") == 0);
  write_file(scratch / "plain", "other");
  CHECK(shell("cd '" + scratch.root().string() + "' && sha256sum --strict -c SHA256SUMS",
              scratch / "log") == 1);
}

TEST_CASE("lines of other files stay while these exist") {
  const Scratch scratch;
  write_file(scratch / "a", "1");
  write_file(scratch / "b", "2");
  write_file(scratch / "SHA256SUMS", std::string(64, '0') + "  a\n" + std::string(64, '1') +
                                         "  gone\n" + std::string(64, '2') + " *b\nnonsense\n");
  update_checksums(scratch.root(), {{"a", sha256_of_file(scratch / "a")}});
  CHECK(read_text(scratch / "SHA256SUMS") ==
        "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b  a\n" +
            std::string(64, '2') + "  b\n");
}

}  // namespace
}  // namespace eb
