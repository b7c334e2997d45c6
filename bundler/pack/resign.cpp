#include "bundler/pack/resign.hpp"

#include <sys/stat.h>

#include "bundler/pack/output_file.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

std::vector<std::byte> read_part(const Fd& fd, uint64_t offset, size_t size,
                                 const std::string& where) {
  std::vector<std::byte> out(size);
  out.resize(pread_up_to(real_sys(), fd.get(), out.data(), size, offset, where));
  return out;
}

// A skippable frame: its 8-byte header stands before the payload at `offset`.
std::vector<std::byte> read_payload(const Fd& fd, uint64_t offset, uint32_t size, const char* what,
                                    const std::string& where) {
  check_skippable_header(read_part(fd, offset - 8, 8, where), size, what);
  return read_part(fd, offset, size, where);
}

}  // namespace

BundleHeader read_bundle_header(const std::filesystem::path& bundle) {
  const std::string where = bundle.string();
  BundleHeader out;
  out.fd = open_at(real_sys(), AT_FDCWD, bundle.c_str(), O_RDONLY | O_NONBLOCK, 0, where);
  struct stat info {};
  if (const int r = real_sys().fstat(out.fd.get(), &info); r < 0) {
    throw system_error(-r, "cannot look at", where);
  }
  if (!S_ISREG(info.st_mode)) throw Error(ExitCode::kIo, "not a regular file").where(where);
  try {
    out.prologue = parse_prologue(read_part(out.fd, 0, kPrologueFrameSize, where));
    const auto size = static_cast<uint64_t>(info.st_size);
    if (size != out.prologue.file_size()) {
      throw Error(ExitCode::kMalformed, size < out.prologue.file_size()
                                            ? "the bundle is truncated"
                                            : "bytes follow the end of the bundle")
          .where(where)
          .why("the file has " + std::to_string(size) + " bytes, its prologue says " +
               std::to_string(out.prologue.file_size()))
          .hint("compare its sha256 with the one published beside it");
    }
    out.index =
        read_payload(out.fd, out.prologue.index_offset(), out.prologue.index_size, "index", where);
    if (sha256(out.index) != out.prologue.index_digest) {
      throw Error(ExitCode::kDigestMismatch, "the index does not match its digest")
          .where(where)
          .why("expected sha256 " + out.prologue.index_digest.hex() + ", got " +
               sha256(out.index).hex())
          .hint("compare the file's sha256 with the one published beside it");
    }
    out.signatures =
        parse_signatures(read_payload(out.fd, out.prologue.signatures_offset(),
                                      out.prologue.signatures_size, "signatures", where));
  } catch (Error& error) {
    if (error.where().find(where) == std::string::npos) {
      error.where(error.where().empty() ? where : where + ", " + error.where());
    }
    throw;
  }
  return out;
}

void replace_signatures(const std::filesystem::path& bundle, const BundleHeader& header,
                        const std::vector<std::vector<std::byte>>& signatures) {
  const std::vector<std::byte> encoded = encode_signatures(signatures);
  Prologue next = header.prologue;
  next.signatures_size = static_cast<uint32_t>(encoded.size());
  OutputFile output(bundle);
  output.copy_from(header.fd.get(), bundle.string(), header.prologue.data_offset(),
                   header.prologue.data_size, next.data_offset());
  write_header(output, header.index, encoded, header.prologue.data_size);
  output.commit();
}

}  // namespace eb
