#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bus/bus_config.hpp"
#include "bus/servo_link.hpp"
#include "bus/servo_setting.hpp"

namespace motorium {

/// How servo families differ when registers are written.
struct ChainRules {
  struct Write {
    std::uint16_t address;
    std::uint8_t value;
  };
  std::uint16_t model_address = 0;  ///< 2 bytes
  std::uint16_t return_delay_address = 0;
  std::vector<Write> before_eeprom, after_eeprom;
  Write wake{0, 0};  ///< Makes servos that answer only pings answer reads too; address 0: not needed.
  bool high_byte_first = false;  ///< Byte order of the model number.
};

/// Handles a chain of servos outside the control loop: finds them, brings registers to their settings, writes
/// and verifies. Waits longer and retries, because a busy computer is no reason to call a servo dead while
/// nothing moves.
class ServoChain {
 public:
  static constexpr std::size_t kWidest = 16;  ///< Most bytes of a row.
  using Rows = std::array<std::uint8_t, kMaxJoints * kWidest>;
  using Decode = std::int32_t (*)(const std::uint8_t* field);

  /// `config` must have passed `check_bus`.
  ServoChain(ServoLink& link, const BusConfig& config, ChainRules rules);

  /// Waits longer for replies while it exists, and after a lost reply repeats the request only once that
  /// reply can no longer arrive. Begins by waiting until no earlier reply can arrive.
  class RetryScope {
   public:
    explicit RetryScope(ServoChain& chain) noexcept;
    ~RetryScope();
    RetryScope(const RetryScope&) = delete;
    RetryScope& operator=(const RetryScope&) = delete;

   private:
    ServoChain& chain_;
  };

  /// Finds every servo and checks its model. Throws BusError: servos missing or of another model.
  void find();
  /// Brings all settings about in order, asking all servos at once. Throws BusError that names joint and
  /// register when a servo has, confirms or takes another value.
  void apply(const std::vector<ServoSetting>& settings);
  /// Does the same before torque is switched on again, since servos may have restarted. Never throws.
  LinkStatus restore(const std::vector<ServoSetting>& settings) noexcept;
  /// Describes what prevented a setting at the last `restore`; empty: nothing. From any thread.
  std::string restore_problem(const std::vector<ServoSetting>& settings) const;
  void learn_return_delay() noexcept;

  /// Reads from one servo, repeating until it answers.
  LinkStatus read(std::uint8_t id, std::uint16_t address, std::span<std::uint8_t> data) noexcept;
  /// Reads from all servos of `ids`, repeating until each has answered.
  LinkStatus read_all(std::span<const std::uint8_t> ids, std::uint16_t address, std::uint16_t size,
                      Rows& rows) noexcept;
  /// Writes one field of all servos and reads it back until each has it, within `tolerance`.
  BusStatus write_all(std::span<const std::uint8_t> ids, std::uint16_t address, std::uint16_t size,
                      const Rows& rows, Decode decode, int tolerance) noexcept;

  std::span<const std::uint8_t> ids() const noexcept { return ids_; }

 private:
  struct Failure {
    const ServoSetting* setting = nullptr;
    SettingOutcome outcome;
    LinkStatus status = LinkStatus::ok;
  };
  Failure bring_all(const std::vector<ServoSetting>& settings) noexcept;
  bool stand(const std::vector<ServoSetting>& settings, std::size_t first) noexcept;
  LinkStatus bring(const ServoSetting& setting, SettingOutcome& outcome) noexcept;
  LinkStatus put(const ServoSetting& setting, std::uint32_t value, SettingOutcome& outcome) noexcept;
  LinkStatus write(std::uint8_t id, std::uint16_t address, std::span<const std::uint8_t> data,
                   std::uint8_t& error) noexcept;
  bool stands(std::uint8_t id, std::uint16_t address, std::span<const std::uint8_t> data) noexcept;
  bool wake(std::uint8_t id) noexcept;
  [[noreturn]] void missing(const std::vector<std::uint8_t>& ids) const;

  ServoLink& link_;
  std::vector<ServoJoint> servos_;
  std::vector<std::uint8_t> ids_;
  ChainRules rules_;
  double usual_margin_s_;
  int retry_scopes_ = 0;
  struct LastFailure {
    std::atomic<std::int32_t> setting{-1};  // -1: none
    std::atomic<SettingTrouble> trouble{SettingTrouble::none};
    std::atomic<std::uint32_t> found{0};
    std::atomic<std::uint8_t> error{0};
  } last_;
};

BusStatus to_bus_status(LinkStatus status) noexcept;

/// Decoders for `write_all`.
std::int32_t one_byte(const std::uint8_t* field);
std::int32_t four_bytes(const std::uint8_t* field);

}  // namespace motorium
