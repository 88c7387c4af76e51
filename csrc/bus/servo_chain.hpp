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

/// What the servo families do differently when registers are written.
struct ChainRules {
  struct Write {
    std::uint16_t address;
    std::uint8_t value;
  };
  std::uint16_t model_address = 0;  ///< 2 bytes
  std::uint16_t return_delay_address = 0;
  std::vector<Write> before_eeprom, after_eeprom;
  Write wake{0, 0};  ///< Makes servos that answer pings alone answer reads too; address 0: none needs it.
  bool high_byte_first = false;  ///< Of the model number.
};

/// What every driver does with a chain of servos outside the control loop: find them, bring registers to
/// their settings, write and verify. While nothing moves, a busy computer is no reason to call a servo dead:
/// all of it waits longer and asks again.
class ServoChain {
 public:
  static constexpr std::size_t kWidest = 16;  ///< Bytes a row can have.
  using Rows = std::array<std::uint8_t, kMaxJoints * kWidest>;
  using Decode = std::int32_t (*)(const std::uint8_t* field);

  /// `config` must have passed `check_bus`.
  ServoChain(ServoLink& link, const BusConfig& config, ChainRules rules);

  /// While it lives, replies are waited for longer, and where one was lost, what is asked anew waits until it
  /// can come no more. Begins by listening until no earlier reply can.
  class RetryScope {
   public:
    explicit RetryScope(ServoChain& chain) noexcept;
    ~RetryScope();
    RetryScope(const RetryScope&) = delete;
    RetryScope& operator=(const RetryScope&) = delete;

   private:
    ServoChain& chain_;
  };

  /// Throws BusError: servos missing or of another model. Asks for their return delay, which bounds every
  /// wait.
  void find();
  /// Brings all settings about, in their order, asking all servos at once. Throws BusError that names joint
  /// and register when a servo has, confirms or takes another value.
  void apply(const std::vector<ServoSetting>& settings);
  /// As `apply` when torque is given anew, without exceptions: servos may have restarted since.
  LinkStatus restore(const std::vector<ServoSetting>& settings) noexcept;
  /// What the last `restore` of these settings met with, in words; empty when all stand. From any thread.
  std::string restore_problem(const std::vector<ServoSetting>& settings) const;
  void learn_return_delay() noexcept;

  /// Asks one servo again until it answers.
  LinkStatus read(std::uint8_t id, std::uint16_t address, std::span<std::uint8_t> data) noexcept;
  /// Asks again until every servo of `ids` has answered.
  LinkStatus read_all(std::span<const std::uint8_t> ids, std::uint16_t address, std::uint16_t size,
                      Rows& rows) noexcept;
  /// Writes one field of all servos and reads it back until it stands, give or take `tolerance`.
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

/// Decodes for `write_all`.
std::int32_t one_byte(const std::uint8_t* field);
std::int32_t four_bytes(const std::uint8_t* field);

}  // namespace motorium
