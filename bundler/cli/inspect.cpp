#include "bundler/cli/commands.hpp"
#include "bundler/cli/json_line.hpp"
#include "bundler/pack/output_file.hpp"
#include "bundler/pack/resign.hpp"
#include "installer/format/index.hpp"
#include "installer/format/sshsig.hpp"
#include "installer/install/size_text.hpp"

namespace eb {
namespace {

struct InspectOptions {
  CommonOptions common;
  std::string bundle;
  bool files = false;
  bool frames = false;
  std::string extract_index;
  std::string extract_signatures;
};

using Json = nlohmann::ordered_json;

void write_whole(const std::filesystem::path& path, Bytes data) {
  OutputFile file(path);
  file.write(data, 0);
  file.commit();
}

void extract(const InspectOptions& options, const BundleHeader& header) {
  if (!options.extract_index.empty()) write_whole(options.extract_index, header.index);
  if (options.extract_signatures.empty()) return;
  const std::filesystem::path folder = options.extract_signatures;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw system_error(error.value(), "cannot make the folder", folder.string());
  for (size_t i = 0; i < header.signatures.size(); ++i) {
    write_whole(folder / ("signature-" + std::to_string(i + 1) + ".sig"),
                as_bytes(armor_sshsig(header.signatures[i])));
  }
}

std::vector<std::string> signers_of(const BundleHeader& header) {
  std::vector<std::string> out;
  for (const auto& blob : header.signatures) {
    const SshSignature signature = parse_sshsig(blob);
    out.push_back(signature.key.fingerprint() +
                  (verify_sshsig(signature, header.index) ? "" : " (does not hold)"));
  }
  return out;
}

const char* type_name(EntryType type) {
  switch (type) {
    case EntryType::kDirectory:
      return "directory";
    case EntryType::kSymlink:
      return "symlink";
    case EntryType::kFile:
      break;
  }
  return "file";
}

Json entry_record(const Entry& entry) {
  Json record = {{"record", "entry"}, {"path", entry.path.str()}, {"type", type_name(entry.type)}};
  if (entry.type == EntryType::kFile) {
    record["executable"] = entry.executable;
    record["size"] = entry.size_bytes;
    record["sha256"] = entry.digest.hex();
    record["offset"] = entry.offset;
  } else if (entry.type == EntryType::kSymlink) {
    record["target"] = entry.target;
  }
  return record;
}

std::string entry_line(const Entry& entry) {
  switch (entry.type) {
    case EntryType::kDirectory:
      return "drwxr-xr-x            - " + entry.path.str() + "/\n";
    case EntryType::kSymlink:
      return "lrwxrwxrwx            - " + entry.path.str() + " -> " + entry.target + "\n";
    case EntryType::kFile:
      break;
  }
  std::string size = std::to_string(entry.size_bytes);
  if (size.size() < 12) size.insert(0, 12 - size.size(), ' ');
  return (entry.executable ? "-rwxr-xr-x " : "-rw-r--r-- ") + size + " " + entry.path.str() + "\n";
}

void print_json(const InspectOptions& options, const BundleHeader& header, const Index& index,
                BundlerEnvironment& environment) {
  const IndexTotals sums = totals(index);
  Json record = {{"record", "bundle"},
                 {"bundle", options.bundle},
                 {"id", header.prologue.index_digest.hex()},
                 {"format", std::to_string(header.prologue.major) + "." +
                                std::to_string(header.prologue.minor)},
                 {"size", header.prologue.file_size()},
                 {"files", sums.files},
                 {"directories", sums.directories},
                 {"symlinks", sums.symlinks},
                 {"file_bytes", sums.file_bytes},
                 {"frames", index.frames.size()},
                 {"signers", signers_of(header)},
                 {"meta", index.meta}};
  environment.out << json_line(record);
  if (options.frames) {
    for (const Frame& frame : index.frames) {
      environment.out << json_line({{"record", "frame"},
                                    {"compressed_size", frame.compressed_size},
                                    {"raw_size", frame.raw_size},
                                    {"sha256", frame.digest.hex()}});
    }
  }
  if (options.files) {
    for (const Entry& entry : index.entries) environment.out << json_line(entry_record(entry));
  }
}

void print_text(const InspectOptions& options, const BundleHeader& header, const Index& index,
                BundlerEnvironment& environment) {
  const IndexTotals sums = totals(index);
  const auto line = [&](const std::string& name, const std::string& value) {
    environment.out << name << std::string(name.size() < 14 ? 14 - name.size() : 1, ' ')
                    << printable(value) << "\n";
  };
  line("ID", header.prologue.index_digest.hex());
  for (const auto& [key, value] : index.meta) line(key, value);
  line("files", std::to_string(sums.files) + " in " + std::to_string(sums.directories) +
                    " folders, " + std::to_string(sums.symlinks) + " symlinks");
  line("unpacked", size_text(sums.file_bytes));
  line("packed", size_text(header.prologue.file_size()) + " in " +
                     std::to_string(index.frames.size()) + " frames");
  for (const std::string& signer : signers_of(header)) line("signed by", signer);
  if (header.signatures.empty()) line("signed by", "nobody");
  if (options.frames) {
    environment.out << "\n";
    for (size_t i = 0; i < index.frames.size(); ++i) {
      const Frame& frame = index.frames[i];
      environment.out << i << " " << frame.compressed_size << " " << frame.raw_size << " "
                      << frame.digest.hex() << "\n";
    }
  }
  if (options.files) {
    environment.out << "\n";
    for (const Entry& entry : index.entries) environment.out << entry_line(entry);
  }
}

ExitCode inspect(const InspectOptions& options, BundlerEnvironment& environment) {
  const BundleHeader header = read_bundle_header(options.bundle);
  const Index index = parse_index(header.index);
  extract(options, header);
  if (options.common.json) {
    print_json(options, header, index, environment);
  } else {
    print_text(options, header, index, environment);
  }
  return ExitCode::kOk;
}

}  // namespace

void add_inspect_command(CLI::App& app, ChosenCommand& chosen) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* command = app.add_subcommand("inspect", "Show what a bundle says about itself");
  command->add_option("BUNDLE", options->bundle, "The bundle")->required();
  command->add_flag("--files", options->files, "List the paths");
  command->add_flag("--frames", options->frames,
                    "List the frames: number, packed and unpacked size, sha256");
  command->add_option("--extract-index", options->extract_index, "Write the signed index there")
      ->type_name("FILE");
  command
      ->add_option("--extract-signatures", options->extract_signatures,
                   "Write the signatures into that folder, as ssh-keygen reads them")
      ->type_name("DIR");
  add_common_options(*command, options->common);
  command->footer(
      "\nNothing is checked but the index's digest; `envbundle verify` checks all.\n"
      "\nExample:\n"
      "  envbundle inspect b.zst --extract-index index --extract-signatures sigs\n"
      "  ssh-keygen -Y verify -f allowed_signers -I NAME -n envbundle-index@v1 \\\n"
      "    -s sigs/signature-1.sig < index");
  command->callback([options, &chosen] {
    chosen.json = options->common.json;
    chosen.run = [options](BundlerEnvironment& environment) {
      return inspect(*options, environment);
    };
  });
}

}  // namespace eb
