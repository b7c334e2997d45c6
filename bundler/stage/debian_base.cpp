#include "bundler/stage/debian_base.hpp"

#include <algorithm>
#include <span>

#include "bundler/stage/debian_layout.hpp"
#include "bundler/stage/debian_python.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

constexpr std::string_view kOrigin = "envbundle";
constexpr std::string_view kCertificates = "share/ca-certificates";

/// Settings for the launcher; runtime/launcher/README.md explains the lines.
struct LauncherSettings {
  std::string_view program;
  std::string_view text;
};

// Git's https library knows one compiled-in file of certificates. The host's own file comes first,
// because it holds the certificates of the site.
#define EB_GIT_SETTINGS                                                                  \
  "GIT_EXEC_PATH=@R@/lib/git-core\n"                                                     \
  "GIT_TEMPLATE_DIR=@R@/share/git-core/templates\n"                                      \
  "GIT_SSL_CAINFO=?/etc/ssl/certs/ca-certificates.crt|/etc/pki/tls/certs/ca-bundle.crt|" \
  "@R@/etc/ssl/certs/ca-certificates.crt\n"                                              \
  "@no-driver\n"
#define EB_SSH_SETTINGS                                   \
  "SSH_SK_HELPER=@R@/lib/openssh/ssh-sk-helper\n"         \
  "SSH_PKCS11_HELPER=@R@/lib/openssh/ssh-pkcs11-helper\n" \
  "@no-driver\n"

constexpr LauncherSettings kSettings[] = {
    {"bin/git", EB_GIT_SETTINGS},
    {"bin/scalar", EB_GIT_SETTINGS},
    {"bin/git-shell", EB_GIT_SETTINGS},
    // The frozen copies of site.py and others inside the interpreter would win over the edited
    // files.
    {"bin/python3.11", "@arguments -X frozen_modules=off\n"},
    {"bin/ssh", EB_SSH_SETTINGS},
    {"bin/ssh-add", EB_SSH_SETTINGS},
    {"bin/ssh-agent", EB_SSH_SETTINGS},
    {"bin/ssh-keygen", EB_SSH_SETTINGS},
    {"lib/git-core/git-remote-http", "@no-driver\n"},
    {"lib/openssh/sftp-server", "@no-driver\n"},
    {"bin/sshd", "@no-driver\n"},
    {"bin/scp", "@no-driver\n"},
    {"bin/sftp", "@no-driver\n"},
    {"bin/ssh-keyscan", "@no-driver\n"},
    // An empty entry of TERMINFO_DIRS stands for the places that the library knows itself.
    {"bin/vim.tiny",
     "VIM=@R@/share/vim\nVIMRUNTIME=@R@/share/vim/vim90\nTERMINFO_DIRS=:@R@/share/terminfo\n"
     "@no-driver\n"},
};

std::vector<RelPath> paths_below(const Staging& staging, std::string_view directory) {
  std::vector<RelPath> out;
  for (auto at = staging.items().lower_bound(RelPath(directory)); at != staging.items().end();
       ++at) {
    if (at->first.is_below(directory)) {
      out.push_back(at->first);
    } else if (!at->first.str().starts_with(directory)) {
      break;
    }
  }
  return out;
}

void join_certificates(Staging& staging) {
  std::string joined;
  for (const RelPath& path : paths_below(staging, kCertificates)) {
    if (!path.str().ends_with(".crt")) continue;
    const std::vector<std::byte> content = staging.read(path);
    joined += as_text(content);
    if (!joined.ends_with('\n')) joined += '\n';
  }
  if (joined.empty()) return;
  staging.replace_file(RelPath("etc/ssl/certs/ca-certificates.crt"), as_bytes(joined), false,
                       kOrigin);
  staging.remove(RelPath(kCertificates));
}

/// Debian's git brings its largest programs twice, in bin and in lib/git-core.
void link_doubles_of_git(Staging& staging) {
  for (const RelPath& path : paths_below(staging, "lib/git-core")) {
    const RelPath first("bin/" + std::string(path.name()));
    const Staging::Item* item = staging.find(path);
    const Staging::Item* other = staging.find(first);
    if (item->type != Staging::Item::Type::kFile || other == nullptr ||
        other->type != Staging::Item::Type::kFile || item->digest != other->digest) {
      continue;
    }
    const std::string origin = item->origins.front();
    staging.remove(path);
    staging.add_symlink(path, relative_target(path, first), origin);
  }
}

}  // namespace

void finish_debian_base(Staging& staging) {
  edit_python(staging);
  join_certificates(staging);
  link_doubles_of_git(staging);
  if (staging.find(RelPath("bin/vim.tiny")) != nullptr) {
    for (const char* name : {"bin/vi", "bin/view", "bin/vim"}) {
      if (staging.find(RelPath(name)) == nullptr) {
        staging.add_symlink(RelPath(name), "vim.tiny", kOrigin);
      }
    }
  }
  for (const LauncherSettings& settings : kSettings) {
    if (staging.find(RelPath(settings.program)) == nullptr) continue;
    const RelPath path("libexec/launch/" + std::string(settings.program) + ".env");
    staging.replace_file(path, as_bytes(settings.text), false, kOrigin);
  }
}

std::vector<std::string> remove_dangling_links(Staging& staging) {
  std::vector<std::string> removed;
  for (bool again = true; again;) {
    again = false;
    std::vector<RelPath> dangling;
    for (const auto& [path, item] : staging.items()) {
      if (item.type != Staging::Item::Type::kSymlink) continue;
      const auto target = resolve_link(path, item.target);
      if (!target || staging.find(*target) == nullptr) dangling.push_back(path);
    }
    for (const RelPath& path : dangling) {
      // The target may lie behind a link to a directory, which only the disk can tell.
      if (std::filesystem::exists(staging.host_path(path))) continue;
      staging.remove(path);
      removed.push_back(path.str());
      again = true;
    }
  }
  std::sort(removed.begin(), removed.end());
  return removed;
}

}  // namespace eb
