#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace motorium {

/// Ways to be a bad servo or a bad line, for tests. One engine serves every protocol.
enum class ServoFault : std::uint8_t {
  none,
  drop,            ///< No reply.
  corrupt,         ///< One wrong byte.
  truncate,        ///< Half a reply.
  delay,           ///< The reply comes too late.
  duplicate,       ///< The reply comes twice.
  wrong_id,        ///< Somebody else's id, checksum right.
  wrong_length,    ///< One parameter too many, checksum right.
  garbage_before,  ///< Noise in front of the reply, with a false header in it.
  garbage_after,
  echo,  ///< The adapter echoes the request.
};

/// Decides which replies suffer, and spoils their bytes.
class FaultEngine {
 public:
  /// From now on every `period`-th reply of `servo` (index; -1: any) suffers `kind`.
  void set(ServoFault kind, int servo, std::uint32_t period) noexcept;
  bool echoes() const noexcept { return kind_ == ServoFault::echo; }
  /// What happens to the next reply of `servo`; counts it.
  ServoFault strike(int servo) noexcept;

  static std::uint8_t wrong_id(std::uint8_t id) noexcept { return static_cast<std::uint8_t>(id ^ 0x40); }
  /// Spoils a packet that is otherwise right: `corrupt`,
  /// `truncate`, `duplicate`, noise. Other kinds leave it alone.
  static void spoil(ServoFault kind, std::vector<std::uint8_t>& packet);

 private:
  ServoFault kind_ = ServoFault::none;
  int servo_ = -1;
  std::uint32_t period_ = 1, seen_ = 0;
};

}  // namespace motorium
