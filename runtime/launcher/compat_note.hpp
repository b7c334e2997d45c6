#pragma once

#include "runtime/launcher/text.hpp"

namespace eb::launcher {

/// What a forward-compatibility libcuda says about itself. NVIDIA's own tools read the same note
/// (nvidia-container-toolkit, cmd/nvidia-cdi-hook/cudacompat).
struct CompatNote {
  bool understood = false;
  uint32_t cuda_major = 0;  ///< 0 when the note does not tell
  uint32_t cuda_minor = 0;
  View drivers;  ///< host driver branches as "535,550,560"; empty: the note has no such list
  View devices;  ///< brands of GPUs as nvmlBrandType_t, likewise
};

/// The JSON text of the note: section .note.cuda.fwd_compatibility, SHT_NOTE, owner "NVIDIA
/// Corporation". Without data when the library has none; "" when there is one outside the file's
/// bounds. Nothing outside them is read.
View find_note(const Mapping& library);

/// Keys are found in lower and upper case, unknown ones are passed over. Not understood: what is no
/// JSON object, a list of other things than whole numbers, a format that is not 1.
CompatNote read_note(View json);

bool has_number(View list, uint32_t wanted);

}  // namespace eb::launcher
