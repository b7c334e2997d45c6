// Stands for libcuda.so.1, and for other libraries in the same folder.
extern "C" int fake_driver_answer() { return 42; }
