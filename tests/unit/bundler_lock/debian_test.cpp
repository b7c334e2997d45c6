#include <catch2/catch.hpp>

#include "bundler/lock/apt_settings.hpp"
#include "bundler/lock/apt_workspace.hpp"
#include "bundler/lock/debian_control.hpp"
#include "bundler/lock/debian_copyright.hpp"
#include "bundler/lock/resolve_base.hpp"

namespace eb {
namespace {

TEST_CASE("control paragraphs") {
  const auto stanzas = parse_control(
      "# a comment\nPackage: git\nDescription: one\n two\n .\n three\nDEPENDS:libc6\n\n \n"
      "Package:\tperl\nno colon\n");
  REQUIRE(stanzas.size() == 2);
  CHECK(control_field(stanzas[0], "package") == "git");
  CHECK(control_field(stanzas[0], "description") == "one\ntwo\n.\nthree");
  CHECK(control_field(stanzas[0], "depends") == "libc6");
  CHECK(control_field(stanzas[1], "package") == "perl");
  CHECK(control_field(stanzas[1], "version").empty());
}

TEST_CASE("relations") {
  using List = std::vector<std::vector<std::string>>;
  CHECK(parse_relations("libc6 (>= 2.34), libpam0g:any (>= 1), debconf (>= 0.5) | debconf-2.0, "
                        "x[amd64], y <!nocheck>,, ") ==
        List{{"libc6"}, {"libpam0g"}, {"debconf", "debconf-2.0"}, {"x"}, {"y"}});
  CHECK(parse_relations("").empty());
}

TEST_CASE("licences of a copyright file") {
  CHECK(summarise_copyright(
            "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
            "License: whole\n\nFiles: *\nCopyright: x\nLicense: GPL-2+\n text\n\n"
            "Files: a b\nLicense: MIT or GPL-2,\n\nFiles: c\nLicense: GPL-2+\n\n"
            "License: MIT\n the text\n") == "GPL-2+ AND (MIT or GPL-2)");
  CHECK(summarise_copyright("It is free: see /usr/share/common-licenses/LGPL-2.1.\n"
                            "and `/usr/share/common-licenses/GPL-3'\n"
                            "and /usr/share/common-licenses/LGPL-2.1") == "GPL-3 AND LGPL-2.1");
  CHECK(summarise_copyright("in /usr/share/common-licenses/ .\nMIT style\n") ==
        "text in debian/copyright");
  CHECK(summarise_copyright("").empty());
}

TEST_CASE("roots of both styles of sources, as apt tells them") {
  const auto roots = parse_update_uris(
      "'http://a.example/debian/dists/bookworm/InRelease' a_InRelease 0 \n"
      "'http://a.example/debian/dists/bookworm-updates/InRelease' b_InRelease 0 \n"
      "'http://a.example/debian/dists/bookworm/main/binary-amd64/Packages.xz' c 0 \n"
      "'https://b.example/x/dists/bookworm-security/InRelease' d_InRelease 0 \n"
      "'https://c.example/dists/stable/updates/InRelease' e_InRelease 0 \n"
      "'https://d.example/dists/InRelease' no_suite 0 \n"
      "'https://e.example/x' 0 /dists/unquoted/InRelease' f_InRelease 0 \n"
      "W: something\n");
  REQUIRE(roots.size() == 3);
  CHECK(roots[0].url == "http://a.example/debian/");
  CHECK(roots[0].archive == "debian");
  CHECK(roots[0].suites == std::vector<std::string>{"bookworm", "bookworm-updates"});
  CHECK(roots[1].archive == "debian-security");
  CHECK(roots[2].archive == "debian-security");
  CHECK(roots[2].suites == std::vector<std::string>{"stable/updates"});
}

TEST_CASE("which root serves a suite") {
  const ArchiveRoot root{"debian", "u", {"bookworm", "bookworm-updates"}};
  CHECK(serves_suite(root, "bookworm"));
  CHECK_FALSE(serves_suite(root, "trixie"));
  CHECK_FALSE(serves_suite({"debian", "u", {"bookwormish"}}, "bookworm"));
  CHECK(serves_suite({"debian-security", "u", {"bookworm-security"}}, "bookworm"));
  CHECK(serves_suite({"debian", "u", {}}, "trixie"));
}

TEST_CASE("apt's simulation and its URIs") {
  CHECK(parse_simulation("NOTE: simulation\nInst zlib1g (1:1.2 Debian:12/oldstable [amd64])\n"
                         "Inst libssl3 [3.0.1] (3.0.2 Debian-Security:12 [amd64]) []\n"
                         "Inst gcc:amd64 (4:12 x [amd64])\nConf zlib1g (1:1.2 x [amd64])\n"
                         "Inst broken\n") ==
        std::vector<std::pair<std::string, std::string>>{
            {"zlib1g", "1:1.2"}, {"libssl3", "3.0.2"}, {"gcc", "4:12"}});
  CHECK(
      parse_install_uris("Reading…\n'http://a/pool/g%2b%2b_1%7edeb_amd64.deb' g++_1~deb_amd64.deb "
                         "1 SHA256:00\n'unfinished\n") ==
      std::vector<std::string>{"http://a/pool/g++_1~deb_amd64.deb"});
}

TEST_CASE("of the machine's configuration only the way to servers is taken over") {
  CHECK(transport_settings("Acquire::http::Proxy \"http://p:1\";\n"
                           "Acquire::Languages \"en\";\nAPT::Architecture \"arm64\";\n"
                           "Acquire::AllowInsecureRepositories \"1\";\n"
                           "Acquire::Retries \"3\";\nDPkg::Post-Invoke:: \"rm -rf /\";\n") ==
        "Acquire::http::Proxy \"http://p:1\";\nAcquire::Retries \"3\";\n");
}

TEST_CASE("the base's Python") {
  Artifact python;
  python.kind = ArtifactKind::kDeb;
  python.name = "python3.11";
  python.version = "3.11.2-6+deb12u6";
  CHECK(python_of_base({python}, "3.11") == "3.11.2");
  CHECK(python_of_base({python}, "3.12").empty());
  python.version = "1:3.11.9~rc1-1";
  CHECK(python_of_base({python}, "3.11") == "3.11.9");
}

}  // namespace
}  // namespace eb
