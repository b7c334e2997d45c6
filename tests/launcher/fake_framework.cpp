// Stands for a library of the release that needs cuDNN, and has it in a folder that its own RPATH
// names.
extern "C" int fake_driver_answer();
extern "C" int fake_framework_answer() { return fake_driver_answer(); }
