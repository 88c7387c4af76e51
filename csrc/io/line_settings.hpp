#pragma once

#include <cstdint>

namespace motorium {

/// Makes a terminal a plain line of 8 data bits at `baud`: nothing is translated, echoed or held back, and an empty
/// read means hang-up. Returns 0, or the errno of the call that failed; EINVAL: the line does not support this speed.
int set_raw_line(int fd, std::uint32_t baud) noexcept;

/// Speed in baud to which the terminal is set, by whichever end; 0 when it cannot be read.
std::uint32_t speed_of_terminal(int fd) noexcept;

}  // namespace motorium
