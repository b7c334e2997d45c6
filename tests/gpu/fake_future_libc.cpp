// Stands for the libc of years to come when a libcuda is linked that is to need it.
extern "C" __attribute__((visibility("default"))) int eb_from_the_future() { return 1; }
