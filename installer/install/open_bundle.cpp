#include "installer/install/open_bundle.hpp"

#include <array>

#include "installer/base/error.hpp"

namespace eb {
namespace {

// Adds the bundle's name to what the format's functions know.
Error in_bundle(Error error, const BundleSource& source) {
  error.where(error.where().empty() ? source.name() : source.name() + ", " + error.where());
  return error;
}

std::vector<std::byte> read_part(BundleSource& source, const Prologue& prologue, uint64_t offset,
                                 uint32_t size, const char* name) {
  std::array<std::byte, kSkippableHeaderSize> header{};
  const uint64_t header_at = offset - kSkippableHeaderSize;
  size_t got = source.read_at(header_at, header);
  if (got < header.size()) throw wrong_length(source, prologue.file_size(), header_at + got);
  try {
    check_skippable_header(header, size, name);
  } catch (Error& error) {
    error.where("bytes " + std::to_string(header_at) + "-" + std::to_string(offset - 1));
    throw in_bundle(std::move(error), source);
  }
  std::vector<std::byte> out(size);
  got = source.read_at(offset, out);
  if (got < out.size()) throw wrong_length(source, prologue.file_size(), offset + got);
  return out;
}

}  // namespace

Error wrong_length(const BundleSource& source, uint64_t expected, uint64_t actual) {
  const bool shorter = actual < expected;
  Error error(ExitCode::kMalformed,
              shorter ? "the bundle is cut off" : "there is something after the bundle's end");
  error.where(source.name());
  error.why("expected " + std::to_string(expected) + " bytes, got " +
            (source.is_stream() && !shorter ? "more" : std::to_string(actual)));
  error.hint(shorter ? "copy the bundle again, the last copy did not end"
                     : "copy the bundle again, something was added to it");
  return error;
}

UnverifiedHeader read_bundle_header(BundleSource& source) {
  UnverifiedHeader out;
  std::array<std::byte, kPrologueFrameSize> start{};
  const size_t got = source.read_at(0, start);
  try {
    out.prologue = parse_prologue(Bytes(start).first(got));
  } catch (Error& error) {
    throw in_bundle(std::move(error), source);
  }
  const uint64_t expected = out.prologue.file_size();
  if (const auto actual = source.size_bytes(); actual && *actual != expected) {
    throw wrong_length(source, expected, *actual);
  }
  out.index = read_part(source, out.prologue, out.prologue.index_offset(), out.prologue.index_size,
                        "index");
  out.signatures = read_part(source, out.prologue, out.prologue.signatures_offset(),
                             out.prologue.signatures_size, "signatures");
  return out;
}

VerifiedBundle verify_bundle_header(UnverifiedHeader header, const TrustPolicy& policy,
                                    const std::string& name) {
  try {
    return verify_header(header.prologue, std::move(header.index), std::move(header.signatures),
                         policy);
  } catch (Error& error) {
    error.where(error.where().empty() ? name : name + ", " + error.where());
    throw;
  }
}

std::vector<std::string> stated_fingerprints(const UnverifiedHeader& header) {
  std::vector<std::string> out;
  try {
    for (const auto& blob : parse_signatures(header.signatures)) {
      out.push_back(parse_sshsig(blob).key.fingerprint());
    }
  } catch (const Error&) {
    // The rest cannot be read; the caller is already reporting an error.
  }
  return out;
}

}  // namespace eb
