#include "installer/install/mend_yard.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "installer/base/error.hpp"
#include "installer/install/remove_tree.hpp"

namespace eb {

// remove_leftovers() knows the name by its beginning.
MendYard::MendYard(Sys& sys, const Prefix& prefix, std::string release, std::string nonce)
    : sys_(sys),
      prefix_(prefix),
      release_(std::move(release)),
      nonce_(std::move(nonce)),
      name_("mends-" + release_ + "-" + nonce_) {
  const std::string where = prefix_.at(kStateDir) + "/" + name_;
  make_directory(sys_, prefix_.state.get(), name_.c_str(), 0700, where);
  fd_ = open_dir_at(sys_, prefix_.state.get(), name_.c_str(), where);
}

MendYard::~MendYard() {
  fd_.reset();
  remove_tree(sys_, prefix_.state.get(), name_);
}

void MendYard::place(const std::string& temporary, int parent, const std::string& name,
                     const std::string& where) {
  struct stat info {};
  if (sys_.fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISDIR(info.st_mode)) {
    set_aside(parent, name, where);
  }
  if (const int r = rename_at(sys_, fd_.get(), temporary.c_str(), parent, name.c_str()); r < 0) {
    throw system_error(-r, "cannot put the file into its place", where);
  }
}

void MendYard::set_aside(int parent, const std::string& name, const std::string& where) {
  const std::string kept = "kept-" + release_ + "-" + nonce_;
  const std::string path = prefix_.at(kStateDir) + "/" + kept;
  make_directory(sys_, prefix_.state.get(), kept.c_str(), 0700, path);
  const std::string to = kept + "/" + std::to_string(++kept_count_) + "-" + name.substr(0, 200);
  if (const int r = rename_at(sys_, parent, name.c_str(), prefix_.state.get(), to.c_str()); r < 0) {
    throw system_error(-r, "cannot move away what stands in the way", where);
  }
  kept_at_ = path;
}

}  // namespace eb
