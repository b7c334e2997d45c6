#include <fcntl.h>

#include "installer/base/error.hpp"
#include "installer/base/utc_text.hpp"
#include "installer/cli/bundle_argument.hpp"
#include "installer/cli/command_line.hpp"
#include "installer/cli/commands.hpp"
#include "installer/cli/gpu_outlook.hpp"
#include "installer/cli/progress_printer.hpp"
#include "installer/cli/report_table.hpp"
#include "installer/install/prefix.hpp"
#include "installer/install/receipt.hpp"
#include "installer/install/release_check.hpp"
#include "installer/install/size_text.hpp"
#include "installer/install/small_file.hpp"

namespace eb {
namespace {

std::string meta(const Index& index, const char* key) {
  const auto at = index.meta.find(key);
  return at == index.meta.end() ? std::string() : at->second;
}

std::string time_text(const std::string& seconds) {
  const auto value = parse_number(seconds);
  return value ? utc_text(static_cast<int64_t>(*value)) : std::string();
}

// The known keys in an order that people read, then whatever else the bundle says of itself.
void add_index_rows(ReportTable& table, const Index& index, const std::string& id) {
  const IndexTotals sums = totals(index);
  table.row("version", meta(index, meta_key::kVersion));
  table.row("id", id);
  table.row("platform", meta(index, meta_key::kPlatform));
  table.row("content", content_text(sums));
  table.row("packed", size_text(sums.compressed_bytes) + " in " +
                          count_text(index.frames.size(), "frame", "frames"));
  static constexpr struct {
    const char* label;
    const char* key;
  } kRows[] = {{"python", meta_key::kPython},        {"cuda", meta_key::kCuda},
               {"glibc", meta_key::kGlibc},          {"min-driver", meta_key::kMinDriver},
               {"min-kernel", meta_key::kMinKernel}, {"made by", meta_key::kTool},
               {"lock", meta_key::kLockDigest},      {"counter", meta_key::kCounter},
               {"licences", meta_key::kLicences}};
  for (const auto& [label, key] : kRows) table.row(label, meta(index, key));
  table.row("locked", time_text(meta(index, meta_key::kEpoch)));
  table.row("not after", time_text(meta(index, meta_key::kNotAfter)));
  for (const auto& [key, value] : index.meta) {
    bool shown = key == meta_key::kName || key == meta_key::kVersion ||
                 key == meta_key::kPlatform || key == meta_key::kEpoch ||
                 key == meta_key::kNotAfter || key == meta_key::kMinInstaller;
    for (const auto& row : kRows) shown = shown || key == row.key;
    if (!shown) table.row(key, value);
  }
}

Json index_json(const Index& index, const std::string& release, const std::string& id) {
  Json record = {{"record", "info"}, {"release", release}, {"id", id}, {"meta", Json::object()}};
  for (const auto& [key, value] : index.meta) record["meta"][key] = value;
  record["frames"] = index.frames.size();
  record.update(totals_json(totals(index)));
  return record;
}

void info_of_bundle(const std::string& name, const TrustArguments& trust,
                    const OutputOptions& output, Environment& environment) {
  ProgressPrinter progress(environment.err, {.quiet = output.quiet});
  const Host host = read_host(environment.sys, environment.variable("HOME"), environment.root);
  const OpenedBundle opened = open_named_bundle(name, trust, host, environment, progress);
  const Index& index = opened.bundle.index();
  const GpuOutlook outlook = gpu_outlook(index, environment);
  if (output.json) {
    Json record = index_json(index, opened.bundle.release_name(), opened.bundle.id().hex());
    record["signers"] = signers_json(opened.bundle, opened.trust);
    record["driver"] = outlook_json(outlook);
    print_record(environment.out, record);
    return;
  }
  ReportTable table(environment.out);
  table.headline("bundle", meta(index, meta_key::kName));
  add_index_rows(table, index, opened.bundle.id().hex());
  add_signer_rows(table, opened.bundle, opened.trust);
  add_outlook_rows(table, outlook, outlook.demand.needs_gpu());
}

void info_of_prefix(const std::string& path, const OutputOptions& output,
                    Environment& environment) {
  const PrefixView view = open_prefix(environment.sys, path);
  if (!view.current) {
    if (output.json) {
      print_record(environment.out, {{"record", "info"}, {"prefix", view.path}, {"release", {}}});
      return;
    }
    environment.out << "no release is active in " << printable(view.path) << "\n";
    return;
  }
  const std::string below = std::string(kReleasesDir) + "/" + *view.current;
  std::string id;
  const Index index = read_release_index(environment.sys, view.dir.get(), below, view.path, &id);
  const auto receipt = read_receipt(environment.sys, view.dir.get(), below);
  const GpuOutlook outlook = gpu_outlook(index, environment);
  if (output.json) {
    Json record = index_json(index, *view.current, id);
    record["prefix"] = view.path;
    record["releases"] = view.releases;
    if (receipt) {
      record["installed"] = utc_text(receipt->installed);
      record["signer"] = receipt->signer;
      record["trusted_by"] = receipt->trust;
    }
    record["driver"] = outlook_json(outlook);
    print_record(environment.out, record);
    return;
  }
  ReportTable table(environment.out);
  table.headline("prefix", view.path);
  table.row("active", *view.current);
  add_index_rows(table, index, id);
  if (receipt) {
    table.row("installed", utc_text(receipt->installed) + " by envinstall " + receipt->installer);
    table.row("signed by", receipt->signer + ", trusted by " + receipt->trust);
    if (receipt->trust == kAnchorsOrigin) table.row("note", kAnchorsNote);
  }
  for (const std::string& release : view.releases) {
    if (release != *view.current) table.row("also there", release);
  }
  add_outlook_rows(table, outlook, outlook.demand.needs_gpu());
}

}  // namespace

int info_command(const std::vector<std::string>& arguments, Environment& environment) {
  std::string name;
  TrustArguments trust;
  OutputOptions output;
  CommandLine line("info");
  line.app().add_option("BUNDLE|PREFIX", name);
  trust.add_to(line.app());
  output.add_to(line.app());
  if (!line.parse(arguments, environment)) return 0;
  if (name.empty()) {
    throw Error(ExitCode::kUsage, "neither a bundle nor a prefix is named")
        .hint("envinstall info BUNDLE, or envinstall info PREFIX");
  }
  if (is_folder(environment.sys, name)) {
    info_of_prefix(name, output, environment);
  } else {
    info_of_bundle(name, trust, output, environment);
  }
  return 0;
}

}  // namespace eb
