#include "bundler/stage/debian_layout.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace eb;

namespace {

std::string mapped(std::string_view path) {
  const auto to = map_debian_path(path);
  return to ? to->str() : "";
}

std::string linked(std::string_view path, std::string_view target) {
  return map_debian_link(path, target).value_or("");
}

}  // namespace

TEST_CASE("paths of Debian packages in a release") {
  struct Row {
    const char* from;
    const char* to;  // "" = left out
  };
  const Row rows[] = {
      {"usr/bin/git", "bin/git"},
      {"bin/true", "bin/true"},
      {"usr/sbin/sshd", "bin/sshd"},
      {"sbin/x", "bin/x"},
      {"usr/lib/python3.11/os.py", "lib/python3.11/os.py"},
      {"usr/lib/git-core/git-remote-http", "lib/git-core/git-remote-http"},
      {"usr/libexec/x/y", "libexec/x/y"},
      {"usr/include/python3.11/Python.h", "include/python3.11/Python.h"},
      {"opt/site/tool", "opt/site/tool"},
      {"usr/lib/x86_64-linux-gnu/libssl.so.3", "lib/x86_64-linux-gnu/libssl.so.3"},
      {"lib/x86_64-linux-gnu/libz.so.1", "lib/x86_64-linux-gnu/libz.so.1"},
      {"usr/lib/x86_64-linux-gnu/ossl-modules/legacy.so",
       "lib/x86_64-linux-gnu/ossl-modules/legacy.so"},
      // the glibc family, wherever a distribution keeps it
      {"lib/x86_64-linux-gnu/libc.so.6", "lib/glibc/libc.so.6"},
      {"usr/lib/x86_64-linux-gnu/libm.so.6", "lib/glibc/libm.so.6"},
      {"usr/lib/aarch64-linux-gnu/libc.so.6", "lib/glibc/libc.so.6"},
      {"lib64/ld-linux-x86-64.so.2", "lib/glibc/ld-linux-x86-64.so.2"},
      {"lib/ld-linux-aarch64.so.1", "lib/glibc/ld-linux-aarch64.so.1"},
      {"lib/x86_64-linux-gnu/libnss_dns.so.2", "lib/glibc/libnss_dns.so.2"},
      {"usr/lib/x86_64-linux-gnu/libnsl.so.2", "lib/x86_64-linux-gnu/libnsl.so.2"},
      {"lib/x86_64-linux-gnu/libcrypt.so.1", "lib/x86_64-linux-gnu/libcrypt.so.1"},
      {"usr/lib/x86_64-linux-gnu/gconv/UTF-16.so", ""},
      {"usr/lib/x86_64-linux-gnu/libc.a", ""},
      {"lib/terminfo/x/xterm", "share/terminfo/x/xterm"},
      {"usr/share/vim/vim90/debian.vim", "share/vim/vim90/debian.vim"},
      {"usr/share/zoneinfo/Europe/Berlin", "share/zoneinfo/Europe/Berlin"},
      {"usr/share/zoneinfo/right/Europe/Berlin", ""},
      {"usr/share/doc/git/copyright", "share/licenses/git/copyright"},
      {"usr/share/doc/libstdc++6", "share/licenses/libstdc++6"},
      {"usr/share/doc/git/changelog.gz", ""},
      {"usr/share/doc/git/contrib/copyright", ""},
      {"usr/share/common-licenses/GPL-3", "share/licenses/common-licenses/GPL-3"},
      {"usr/share/man/man1/git.1.gz", ""},
      {"usr/share/locale/de/LC_MESSAGES/git.mo", ""},
      {"usr/share/lintian/overrides/git", ""},
      {"usr/local/lib/x", ""},
      {"usr/src/x", ""},
      {"usr/games/x", ""},
      {"var/lib/dpkg/status", ""},
      {"etc/ssl/openssl.cnf", "etc/ssl/openssl.cnf"},
      {"etc/init.d/ssh", ""},
      {"etc/passwd", ""},
      {"lib/systemd/system/ssh.service", ""},
      {"usr/lib/os-release", ""},
      {"usr/sbin/update-ca-certificates", ""},
      {"usr", ""},
      {"", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.from);
    CHECK(mapped(row.from) == row.to);
  }
}

TEST_CASE("the glibc family by name") {
  for (const char* name :
       {"libc.so.6", "libc-2.31.so", "libm.so.6", "libm-2.31.so", "libmvec.so.1", "libpthread.so.0",
        "libdl.so.2", "librt.so.1", "libresolv.so.2", "libnss_files.so.2", "libnss_compat-2.31.so",
        "libutil.so.1", "libanl.so.1", "libBrokenLocale.so.1", "libnsl.so.1",
        "libc_malloc_debug.so.0", "libthread_db.so.1", "ld-linux-x86-64.so.2", "ld-2.31.so"}) {
    CAPTURE(name);
    CHECK(is_glibc_file(name));
  }
  for (const char* name :
       {"libnsl.so.2", "libcrypt.so.1", "libcap.so.2", "libcrypto.so.3", "libmd.so.0",
        "libmagic.so.1", "librtmp.so.1", "libutempter.so.0", "libnss_sss.so.2", "libnss3.so",
        "libstdc++.so.6", "libgcc_s.so.1", "libdb-5.3.so", "libcom_err.so.2", "ld.so"}) {
    CAPTURE(name);
    CHECK_FALSE(is_glibc_file(name));
  }
}

TEST_CASE("links are led to where their targets go") {
  struct Row {
    const char* path;
    const char* target;
    const char* text;  // "" = left out
  };
  const Row rows[] = {
      {"usr/bin/git-upload-pack", "git", "git"},
      {"usr/lib/git-core/git", "../../bin/git", "../../bin/git"},
      {"usr/sbin/a", "../bin/b", "b"},
      {"usr/lib/x86_64-linux-gnu/libcurl.so", "/lib/x86_64-linux-gnu/libm.so.6",
       "../glibc/libm.so.6"},
      {"lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", ""},  // itself
      {"usr/lib/ssl/certs", "/etc/ssl/certs", "../../etc/ssl/certs"},
      {"usr/lib/ssl/certs", "../../../../../../etc/ssl/certs", "../../etc/ssl/certs"},
      {"usr/bin/vi", "/etc/alternatives/vi", ""},
      {"usr/share/doc/libstdc++6", "gcc-12-base", "gcc-12-base"},
      {"usr/share/doc/git/README", "copyright", ""},
      {"lib/terminfo/x/xterm-debian", "../x/xterm", "xterm"},
      {"usr/bin/x", "/", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.path);
    CHECK(linked(row.path, row.target) == row.text);
  }
}

TEST_CASE("relative targets") {
  CHECK(relative_target(RelPath("bin/vi"), RelPath("bin/vim")) == "vim");
  CHECK(relative_target(RelPath("bin/vi"), RelPath("lib/x")) == "../lib/x");
  CHECK(relative_target(RelPath("a"), RelPath("b/c")) == "b/c");
  CHECK(relative_target(RelPath("a/b/c"), RelPath("a/d/e/f")) == "../d/e/f");
  CHECK(relative_target(RelPath("a/b/c"), RelPath("a")) == "..");
  CHECK(relative_target(RelPath("a/b"), RelPath("a")) == ".");
}
