#pragma once

#include <functional>
#include <string>

#include "installer/base/sys.hpp"
#include "installer/format/sshsig.hpp"

namespace eb {

/// A line of an allowed_signers file that trusts `key` for bundles and nothing else. The times are
/// as parse_signer_time() takes them, "" = none.
std::string signer_line(const SshPublicKey& key, const std::string& principal,
                        const std::string& valid_after, const std::string& valid_before);

/// `name` where it means nothing but itself in an allowed_signers file; otherwise
/// "envbundle-signer".
std::string plain_principal(const std::string& name);

/// Changes a list of keys, whole or not at all: `change` gets the text ("" where there is no file
/// yet) and returns the new one. Folders that are missing are made (`folder_mode`), the file keeps
/// its mode (0644 when it is new). The new text stands beside it as ".NAME.new" until it takes its
/// place, and so keeps others from changing it meanwhile. Nothing is written when the text stays.
///
/// Throws what read_trust_file() throws, Error(kBusy) where another process is at it, and what
/// `change` throws. Returns whether anything was written.
bool edit_trust_file(Sys& sys, const std::string& path, uid_t uid, mode_t folder_mode,
                     const std::function<std::string(const std::string&)>& change);

/// `text` with one more line, which ends with a newline.
std::string with_line(const std::string& text, const std::string& line);

/// `text` without the lines whose numbers, counted from 1, `drop` says true for. All others stay
/// byte for byte.
std::string without_lines(const std::string& text, const std::function<bool(size_t)>& drop);

}  // namespace eb
