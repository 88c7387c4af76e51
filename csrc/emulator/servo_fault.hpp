#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace motorium {

/// Faults of a servo or a line, for tests. One engine serves every protocol.
enum class ServoFault : std::uint8_t {
  none,
  drop,            ///< No reply.
  corrupt,         ///< One wrong byte.
  truncate,        ///< Half a reply.
  delay,           ///< The reply comes too late.
  duplicate,       ///< The reply comes twice.
  wrong_id,        ///< Another servo's id, with the right checksum.
  wrong_length,    ///< One parameter too many, with the right checksum.
  garbage_before,  ///< Noise before the reply, with a false header in it.
  garbage_after,
  echo,  ///< The adapter echoes the request.
};

/// Decides which replies are faulty, and spoils their bytes.
class FaultEngine {
 public:
  /// Makes every `period`-th reply of `servo` (index; -1: any) suffer `kind` from now on.
  void set(ServoFault kind, int servo, std::uint32_t period) noexcept;
  bool echoes() const noexcept { return kind_ == ServoFault::echo; }
  /// Returns the fault of the next reply of `servo`, and counts that reply.
  ServoFault strike(int servo) noexcept;

  static std::uint8_t wrong_id(std::uint8_t id) noexcept { return static_cast<std::uint8_t>(id ^ 0x40); }
  /// Spoils a valid packet: `corrupt`, `truncate`, `duplicate`, noise. Other kinds leave it unchanged.
  static void spoil(ServoFault kind, std::vector<std::uint8_t>& packet);

 private:
  ServoFault kind_ = ServoFault::none;
  int servo_ = -1;
  std::uint32_t period_ = 1, seen_ = 0;
};

}  // namespace motorium
