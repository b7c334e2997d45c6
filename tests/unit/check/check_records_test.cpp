#include "installer/check/check_records.hpp"

#include <catch2/catch.hpp>
#include <csignal>

namespace eb {
namespace {

using Kind = RecordReader::Kind;

CheckRecords read(const std::vector<std::string>& lines, const ProgramEnd& end = {}) {
  RecordReader reader;
  for (const std::string& line : lines) reader.read(line);
  return std::move(reader).finish(end);
}

TEST_CASE("all records of a good run") {
  RecordReader reader;
  CHECK(reader.last_step() == nullptr);
  CHECK(reader.read("step\tdriver-init\t20") == Kind::kStepBegan);
  CHECK(reader.last_step()->name == "driver-init");
  CHECK(reader.last_step()->limit_seconds == 20);
  CHECK(reader.read("gpu\t0\tNVIDIA H100 80GB HBM3\tGPU-1\t00000000:3b:00.0\t9.0\t85520809984") ==
        Kind::kOther);
  CHECK(reader.read("figure\tcuda-driver\t12.8\t-") == Kind::kOther);
  CHECK(reader.read("note\tMIG is off") == Kind::kOther);
  CHECK(reader.read("ok\t0.25") == Kind::kStepEnded);
  CHECK(reader.read("step\tnccl\t1e2") == Kind::kStepBegan);
  CHECK(reader.read("skip\tneeds runtime") == Kind::kStepEnded);
  CHECK(reader.read("step\tcudnn-load\t0.5") == Kind::kStepBegan);
  CHECK(reader.read("fail\tcudnn\t1008\tCUDNN_STATUS_SUBLIBRARY_LOADING_FAILED") ==
        Kind::kStepEnded);
  CHECK(reader.read("note\tafter a step") == Kind::kOther);
  CHECK(reader.read("step\tisolation\t5") == Kind::kStepBegan);
  CHECK(reader.read("map\t/opt/dl/lib/libcudart.so.12") == Kind::kOther);
  CHECK(reader.read("ok\t0") == Kind::kStepEnded);
  CHECK(reader.read("end") == Kind::kEnd);
  const CheckRecords out = std::move(reader).finish({.exit_code = 0});
  CHECK(out.ended);
  CHECK(out.rubbish == 0);
  REQUIRE(out.steps.size() == 4);
  CHECK(out.steps[0].state == StepState::kOk);
  CHECK(out.steps[0].seconds == 0.25);
  REQUIRE(out.steps[0].figures.size() == 1);
  CHECK(out.steps[0].figures[0].key == "cuda-driver");
  CHECK(out.steps[0].figures[0].value == "12.8");
  CHECK(out.steps[0].figures[0].unit == "-");
  CHECK(out.steps[0].notes == std::vector<std::string>{"MIG is off"});
  CHECK(out.steps[1].state == StepState::kSkipped);
  CHECK(out.steps[1].skip_reason == "needs runtime");
  CHECK(out.steps[1].limit_seconds == 100);
  CHECK(out.steps[2].state == StepState::kFailed);
  CHECK(out.steps[2].failure.api == "cudnn");
  CHECK(out.steps[2].failure.code == 1008);
  CHECK(out.steps[2].failure.text == "CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED");
  CHECK(out.notes == std::vector<std::string>{"after a step"});
  CHECK(out.maps == std::vector<std::string>{"/opt/dl/lib/libcudart.so.12"});
  REQUIRE(out.gpus.size() == 1);
  CHECK(out.gpus[0].name == "NVIDIA H100 80GB HBM3");
  CHECK(out.gpus[0].capability == "9.0");
  CHECK(out.gpus[0].memory_bytes == 85520809984);
}

TEST_CASE("a step that is open when the program ends is judged by how it ended") {
  const std::vector<std::string> lines = {"step\ta\t1", "ok\t1", "step\tb\t1", "figure\tx\t1\tms"};
  CheckRecords out = read(lines, {.signal = SIGSEGV});
  REQUIRE(out.steps.size() == 2);
  CHECK(out.steps[0].state == StepState::kOk);
  CHECK(out.steps[1].state == StepState::kCrashed);
  CHECK(out.steps[1].signal == SIGSEGV);
  CHECK(out.steps[1].figures.size() == 1);
  CHECK_FALSE(out.ended);
  out = read(lines, {.exit_code = 0});
  CHECK(out.steps[1].state == StepState::kCrashed);
  CHECK(out.steps[1].exit_code == 0);
  out = read(lines, {.timed_out = true, .signal = SIGTERM});
  CHECK(out.steps[1].state == StepState::kTimedOut);
  CHECK(out.steps[1].signal == 0);
  out = read(lines, {.stopped = true, .signal = SIGTERM});
  CHECK(out.steps[1].state == StepState::kNotRun);
  CHECK(read({}, {.signal = SIGSEGV}).steps.empty());
}

TEST_CASE("a step that is left without a word has failed") {
  const CheckRecords out = read({"step\ta\t1", "step\tb\t1", "ok\t1", "end"});
  REQUIRE(out.steps.size() == 2);
  CHECK(out.steps[0].state == StepState::kFailed);
  CHECK(out.steps[0].failure.api == "records");
  CHECK(out.steps[0].failure.text == "the program went on without saying how this step ended");
  CHECK(out.steps[1].state == StepState::kOk);
}

TEST_CASE("unknown kinds are passed over, broken records are counted") {
  CHECK(read({"step\ta\t1", "clock\t1\t2", "", "\t\t", "Step\tx\t1", "ok\t1"}).rubbish == 0);
  const char* const broken[] = {"ok\t1",  // no step is open
                                "skip\tx",
                                "fail\tdriver\t1\tx",
                                "figure\tx\t1\tms",
                                "step",
                                "step\t\t5",
                                "map",
                                "map\t",
                                "gpu\tx\tName\tGPU-1\tpci\t9.0\t1",
                                "gpu\t-1\tName\tGPU-1\tpci\t9.0\t1",
                                "gpu\t0\tName\tGPU-1\tpci\t9.0\t-1",
                                "gpu\t0\tName\tGPU-1\tpci\t9.0",
                                "gpu\t0\tName\tGPU-1\tpci\t9.0\t99999999999999999999999"};
  for (const char* line : broken) {
    INFO(line);
    const CheckRecords out = read({line});
    CHECK(out.rubbish == 1);
    CHECK(out.steps.empty());
    CHECK(out.gpus.empty());
    CHECK(out.maps.empty());
  }
  for (const char* line :
       {"ok", "ok\t", "ok\tfast", "ok\t-1", "ok\tnan", "ok\tinf", "ok\t1e300", "ok\t1x", "end"}) {
    INFO(line);
    const CheckRecords out = read({"step\ta\t1", line});
    CHECK(out.rubbish == 1);
    CHECK(out.steps.at(0).state == StepState::kCrashed);
    CHECK_FALSE(out.ended);
  }
  // After the end nothing counts.
  const CheckRecords late = read({"end", "step\ta\t1", "gpu\t0\ta\tb\tc\t9.0\t1", "end"});
  CHECK(late.steps.empty());
  CHECK(late.gpus.empty());
  CHECK(late.rubbish == 3);
}

TEST_CASE("a code that is no number is 0, a limit that is none is the usual one") {
  CHECK(read({"step\ta\t1", "fail\tloader\tx\ttext"}).steps.at(0).failure.code == 0);
  CHECK(read({"step\ta\t1", "fail\tdriver\t-9\ttext"}).steps.at(0).failure.code == -9);
  CHECK(read({"step\ta\t1", "fail"}).steps.at(0).state == StepState::kFailed);
  for (const char* limit : {"", "x", "0", "-1", "nan", "inf", "1e99"}) {
    const CheckRecords out = read({std::string("step\ta\t") + limit});
    CHECK(out.steps.at(0).limit_seconds == RecordReader::kDefaultLimitSeconds);
  }
  CHECK(read({"step\ta\t99999"}).steps.at(0).limit_seconds == RecordReader::kMaxLimitSeconds);
}

TEST_CASE("text is made printable and cut, paths stay as they are") {
  const std::string hostile =
      "a\x1b[2J\xff\xc2\x9b"
      "b";
  CheckRecords out = read({"step\t" + hostile + "\t1", "note\t" + hostile, "map\t" + hostile});
  CHECK(out.steps.at(0).name == "a\\x1b[2J\\xff\\xc2\\x9bb");
  CHECK(out.steps.at(0).notes.at(0) == "a\\x1b[2J\\xff\\xc2\\x9bb");
  CHECK(out.maps.at(0) == hostile);
  out = read({"step\ta\t1", "note\t" + std::string(5000, 'x'), "note\t" + std::string(2048, 'y'),
              "note\t" + std::string(2000, '\x01')});
  CHECK(out.steps.at(0).notes.at(0) == std::string(2045, 'x') + "...");
  CHECK(out.steps.at(0).notes.at(1) == std::string(2048, 'y'));
  CHECK(out.steps.at(0).notes.at(2).size() <= RecordReader::kMaxTextBytes);
  std::string umlauts;
  for (int i = 0; i < 3000; ++i) umlauts += "\xc3\xa4";
  out = read({"step\ta\t1", "note\t" + umlauts});
  CHECK(out.steps.at(0).notes.at(0).size() <= RecordReader::kMaxTextBytes);
  CHECK(out.steps.at(0).notes.at(0).ends_with("\xa4..."));
  // A tab in the last field of the longest record is no new field.
  out = read({"step\ta\t1", "fail\tdriver\t1\tone\ttwo"});
  CHECK(out.steps.at(0).failure.text == "one");
}

TEST_CASE("nothing grows without bound") {
  RecordReader reader;
  for (int i = 0; i < 1000; ++i) {
    reader.read("gpu\t0\tn\tu\tp\t9.0\t1");
    reader.read("note\toutside");
    reader.read("map\t/x" + std::to_string(i));
    reader.read("map\t/x" + std::to_string(i) + "b");
  }
  reader.read("map\t/" + std::string(RecordReader::kMaxPathBytes, 'x'));
  for (int i = 0; i < 1000; ++i) {
    reader.read("step\ts\t1");
    for (int k = 0; k < 100; ++k) {
      reader.read("figure\tk\tv\tu");
      reader.read("note\tn");
    }
    reader.read("ok\t1");
  }
  const CheckRecords out = std::move(reader).finish({});
  CHECK(out.gpus.size() == RecordReader::kMaxGpus);
  CHECK(out.notes.size() == RecordReader::kMaxNotes);
  CHECK(out.maps.size() == RecordReader::kMaxMaps);
  CHECK(out.steps.size() == RecordReader::kMaxSteps);
  for (const CheckStep& step : out.steps) {
    CHECK(step.figures.size() == RecordReader::kMaxFigures);
    CHECK(step.notes.size() == RecordReader::kMaxNotes);
  }
  CHECK(out.rubbish > 1000);
}

TEST_CASE("names of states and signals") {
  CHECK(std::string(step_state_name(StepState::kOk)) == "ok");
  CHECK(std::string(step_state_name(StepState::kSkipped)) == "skipped");
  CHECK(std::string(step_state_name(StepState::kFailed)) == "failed");
  CHECK(std::string(step_state_name(StepState::kTimedOut)) == "timed-out");
  CHECK(std::string(step_state_name(StepState::kCrashed)) == "crashed");
  CHECK(std::string(step_state_name(StepState::kNotRun)) == "not-run");
  CHECK(signal_text(SIGSEGV) == "SIGSEGV");
  CHECK(signal_text(SIGKILL) == "SIGKILL");
  CHECK(signal_text(500) == "signal 500");
}

}  // namespace
}  // namespace eb
