#include "installer/cli/install_report.hpp"

#include <algorithm>

#include "installer/base/error.hpp"
#include "installer/check/report_json.hpp"
#include "installer/cli/progress_printer.hpp"
#include "installer/cli/report_table.hpp"
#include "installer/install/module_files.hpp"
#include "installer/install/size_text.hpp"

namespace eb {
namespace {

std::string current_text(const std::optional<std::string>& before, const std::string& after) {
  if (before == after) return after + " (unchanged)";
  return before.value_or("none") + " -> " + after;
}

bool has_path(const Index& index, std::string_view path) {
  for (const Entry& entry : index.entries) {
    if (entry.path.str() == path) return true;
  }
  return false;
}

// What a person does next; only what the release really has.
std::vector<std::string> next_steps(const InstallReport& report, const Index& index) {
  std::vector<std::string> out;
  if (has_path(index, "bin/python")) out.push_back(report.prefix + "/bin/python");
  if (has_path(index, "share/envbundle/activate.sh")) {
    std::string others;
    for (const char* shell : {"fish", "csh"}) {
      if (has_path(index, std::string("share/envbundle/activate.") + shell)) {
        others += std::string(others.empty() ? "" : ", ") + "activate." + shell;
      }
    }
    out.push_back(". " + report.prefix + "/share/envbundle/activate.sh" +
                  (others.empty() ? "" : "   (bash, zsh; also " + others + ")"));
  }
  if (const auto module = module_name(index)) {
    out.push_back("module use " + report.prefix + "/" + kModuleDir + " && module load " + *module);
  }
  return out;
}

// Empty for a tree: that is what everybody expects.
std::string form_text(ReleaseForm form, uint64_t files, uint64_t image_bytes) {
  if (form == ReleaseForm::kTree) return {};
  return "image: " + count_text(files, "file", "files") + " instead of a tree" +
         (image_bytes > 0 ? ", " + size_text(image_bytes) : std::string());
}

// Empty where everything is written anew, as in a first install.
std::string reused_text(uint64_t files, uint64_t bytes) {
  if (files == 0) return {};
  return count_text(files, "file", "files") + ", " + size_text(bytes) + ", that were there already";
}

void add_advice_row(ReportTable& table, ReleaseForm form, const FormAdvice& advice) {
  if (advice.recommended == ReleaseForm::kImage && form == ReleaseForm::kTree) {
    table.row("advice", advice.why + ": --as-image installs it as one file");
  }
}

Json form_json(ReleaseForm form, const FormAdvice& advice) {
  return {
      {"is", form_name(form)}, {"recommended", form_name(advice.recommended)}, {"why", advice.why}};
}

// What is known of the GPU after the install: the check's result, or why there was none.
std::string check_text(const FinishedInstall& done, GpuCheckMode mode) {
  if (!done.outlook.demand.needs_gpu()) return {};
  if (done.check) return check_line(*done.check);
  if (done.report.action == InstallAction::kNothing) return {};
  if (mode == GpuCheckMode::kSkip) return "skipped (--gpu-check=skip)";
  return "not done here: " + done.outlook.verdict.why_not_testable;
}

}  // namespace

void print_plan(const InstallPlan& plan, const OpenedBundle& opened, const GpuOutlook& outlook,
                const OutputOptions& output, const std::vector<std::string>& warnings,
                std::ostream& out) {
  static constexpr const char* kNames[] = {"install", "activate", "none"};
  if (output.json) {
    Json record = {{"record", "plan"},
                   {"action", kNames[static_cast<int>(plan.action)]},
                   {"changed", plan.action != InstallAction::kNothing},
                   {"release", plan.release},
                   {"id", plan.id},
                   {"prefix", plan.prefix.path},
                   {"creates_prefix", !plan.prefix.exists}};
    record.update(totals_json(plan.totals));
    record["reused_files"] = plan.reusable.files();
    record["reused_bytes"] = plan.reusable.bytes();
    record.update(Json{{"needed_bytes", plan.space.need.bytes},
                       {"available_bytes", plan.space.free_bytes},
                       {"needed_inodes", plan.space.need.inodes},
                       {"available_inodes", plan.space.free_inodes},
                       {"form", form_json(plan.form, plan.advice)},
                       {"jobs", plan.workers.jobs},
                       {"memory_bytes", plan.workers.memory_bytes},
                       {"current", plan.prefix.current ? Json(*plan.prefix.current) : Json()},
                       {"current_after", plan.release},
                       {"signers", signers_json(opened.bundle, opened.trust)},
                       {"durability", plan.durability.promise},
                       {"driver", outlook_json(outlook)},
                       {"warnings", warnings}});
    print_record(out, record);
    return;
  }
  static constexpr const char* kHeads[] = {"would install", "would activate", "nothing to do"};
  ReportTable table(out);
  table.headline(kHeads[static_cast<int>(plan.action)], plan.release);
  table.row("id", plan.id);
  table.row("prefix", plan.prefix.path + (plan.prefix.exists ? "" : " (to be made)"));
  table.row("current", current_text(plan.prefix.current, plan.release));
  table.row("content", content_text(plan.totals));
  if (plan.action == InstallAction::kInstall) {
    table.row("reused", reused_text(plan.reusable.files(), plan.reusable.bytes()));
    table.row("space", size_text(plan.space.need.bytes) + " needed, " +
                           size_text(plan.space.free_bytes) + " available");
    table.row("inodes", std::to_string(plan.space.need.inodes) + " needed, " +
                            (plan.space.counts_inodes ? std::to_string(plan.space.free_inodes)
                                                      : std::string("no fixed number")) +
                            " available");
    table.row("form", form_text(plan.form, plan.outside.size() + 1, 0));
    add_advice_row(table, plan.form, plan.advice);
    table.row("work", count_text(plan.workers.jobs, "job", "jobs") + ", " +
                          size_text(plan.workers.memory_bytes) + " of memory");
    table.row("durable", plan.durability.promise);
  }
  add_signer_rows(table, opened.bundle, opened.trust);
  add_outlook_rows(table, outlook, false);
}

void print_report(const FinishedInstall& done, GpuCheckMode mode, const OutputOptions& output,
                  const std::vector<std::string>& warnings, std::ostream& out) {
  const InstallReport& report = done.report;
  const OpenedBundle& opened = done.opened;
  std::vector<std::string> next = next_steps(report, opened.bundle.index());
  if (done.outlook.demand.needs_gpu() && !done.check) {
    next.push_back("on a machine with a GPU: envinstall check " + report.prefix);
  }
  if (output.json) {
    static constexpr const char* kNames[] = {"installed", "activated", "none"};
    Json record = {{"record", "install"},
                   {"action", kNames[static_cast<int>(report.action)]},
                   {"changed", report.action != InstallAction::kNothing},
                   {"release", report.release},
                   {"id", report.id},
                   {"prefix", report.prefix}};
    record.update(totals_json(report.totals));
    record["form"] = form_json(report.form, report.advice);
    record["form"]["files"] = report.held_files;
    record["reused_files"] = report.reused.files;
    record["reused_bytes"] = report.reused.bytes;
    if (report.image_bytes > 0) record["form"]["image_bytes"] = report.image_bytes;
    record.update(Json{{"seconds", report.seconds},
                       {"previous", report.previous ? Json(*report.previous) : Json()},
                       {"signers", signers_json(opened.bundle, opened.trust)},
                       {"durability", report.durability.promise},
                       {"driver", outlook_json(done.outlook)},
                       {"gpu_check", done.check ? report_json(*done.check) : Json()},
                       {"next", next},
                       {"warnings", warnings}});
    print_record(out, record);
    return;
  }
  if (output.quiet) return;
  ReportTable table(out);
  switch (report.action) {
    case InstallAction::kInstall:
      table.headline("installed", report.release);
      break;
    case InstallAction::kActivate:
      table.headline("activated", report.release + " (it was already installed)");
      break;
    case InstallAction::kNothing:
      table.headline("nothing done", report.release + " is already installed and active");
      break;
  }
  table.row("id", report.id);
  table.row("prefix", report.prefix);
  table.row("content", content_text(report.totals) + (report.action == InstallAction::kInstall
                                                          ? ", in " + duration_text(report.seconds)
                                                          : std::string()));
  table.row("reused", reused_text(report.reused.files, report.reused.bytes));
  table.row("form", form_text(report.form, report.held_files, report.image_bytes));
  if (report.action == InstallAction::kInstall) {
    add_advice_row(table, report.form, report.advice);
  }
  if (report.action != InstallAction::kNothing && report.previous) {
    table.row("current", current_text(report.previous, report.release));
  }
  add_signer_rows(table, opened.bundle, opened.trust);
  if (report.action == InstallAction::kInstall) table.row("durable", report.durability.promise);
  add_outlook_rows(table, done.outlook, false);
  table.row("gpu check", check_text(done, mode));
  for (const std::string& step : next) table.row("next:", step);
}

}  // namespace eb
