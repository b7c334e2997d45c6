#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bundler/stage/staging.hpp"

namespace eb {

/// What the maintainer scripts of Debian's packages would have done and what a tree without a fixed
/// place needs, after all packages are in: edits of Python (debian_python.hpp), one file of all CA
/// certificates (etc/ssl/certs/ca-certificates.crt, from share/ca-certificates, which goes), the
/// names vi, vim and view, the launcher's settings of git, vim, ssh and python
/// (libexec/launch/NAME.env). Nothing of it is done where the program is not in the tree.
void finish_debian_base(Staging& staging);

/// Removes symlinks that lead to nothing in the tree, as long as there are any. Returns their
/// paths.
std::vector<std::string> remove_dangling_links(Staging& staging);

}  // namespace eb
