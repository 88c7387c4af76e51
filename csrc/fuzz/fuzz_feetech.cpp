// Any bytes on the bus, in pieces of any size: every packet that comes out is one that the builder makes
// again.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "core/feetech.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  mtr_ft_parser parser{};
  parser.max_parameters = data[0];
  const std::size_t piece = data[1] % 64 + 1;
  for (std::size_t at = 2; at < size;) {
    const std::size_t offered = piece < size - at ? piece : size - at;
    const std::size_t taken = mtr_ft_push(&parser, data + at, offered);
    if (taken == 0 || taken > offered) std::abort();
    at += taken;
    mtr_ft_view view;
    for (mtr_ft_event event; (event = mtr_ft_next(&parser, &view)) != MTR_FT_MORE;) {
      if (event != MTR_FT_GOOD) continue;
      std::uint8_t again[MTR_FT_MAX_PACKET];
      if (parser.max_parameters != 0 && view.n_parameters > parser.max_parameters) std::abort();
      if (view.n_parameters > 0 && view.parameters == nullptr) std::abort();
      mtr_ft_packet(again, sizeof again, view.id, view.instruction, view.parameters, view.n_parameters);
    }
  }
  return 0;
}
