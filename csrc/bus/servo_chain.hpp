#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bus/servo_link.hpp"

namespace motorium {

/// One register to bring to a value at connect. Only the bits of `mask` are changed.
struct ServoSetting {
  std::uint32_t joint = 0;
  std::uint16_t address = 0;
  std::uint8_t size = 1;  ///< 1, 2 or 4 bytes
  std::uint32_t value = 0;
  std::uint32_t mask = 0xFFFFFFFF;
  bool eeprom = false;  ///< Written only when it differs, with torque off.
};

/// A servo of a chain: its id, and the model it must be; model 0 accepts any.
struct ServoIdentity {
  std::uint8_t id = 0;
  std::uint16_t model_number = 0;
};

/// What the servo families do differently when registers are written.
struct ChainRules {
  struct Write {
    std::uint16_t address;
    std::uint8_t value;
  };
  std::uint16_t model_address = 0;  ///< 2 bytes
  std::uint16_t return_delay_address = 0;
  std::vector<Write> before_eeprom, after_eeprom;
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

  /// Throws std::invalid_argument when the servos are none, too many, or share an id.
  ServoChain(ServoLink& link, std::vector<ServoIdentity> servos, ChainRules rules, double reply_margin_s);

  /// While it lives, replies are waited for longer, and where one was lost, what is asked anew waits until it
  /// can come no more. Begins by listening until no earlier reply can.
  class Patience {
   public:
    explicit Patience(ServoChain& chain) noexcept;
    ~Patience();
    Patience(const Patience&) = delete;
    Patience& operator=(const Patience&) = delete;

   private:
    ServoChain& chain_;
  };

  /// Throws BusError: servos missing or of another model. Asks for their return delay, which bounds every
  /// wait.
  void find();
  /// Throws BusError when a servo does not confirm or refuses.
  void apply(const ServoSetting& setting);
  /// As `apply` for a register in RAM, without exceptions.
  LinkStatus restore(const ServoSetting& setting) noexcept;
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
  void write_checked(std::uint8_t id, std::uint16_t address, std::span<const std::uint8_t> data);
  bool stands(std::uint8_t id, std::uint16_t address, std::span<const std::uint8_t> data) noexcept;
  [[noreturn]] void missing(const std::vector<std::uint8_t>& ids) const;

  ServoLink& link_;
  std::vector<ServoIdentity> servos_;
  std::vector<std::uint8_t> ids_;
  ChainRules rules_;
  double usual_margin_s_;
  int patience_ = 0;
};

BusStatus to_bus_status(LinkStatus status) noexcept;

/// Little-endian fields of 1, 2 or 4 bytes.
std::uint32_t get_field(const std::uint8_t* bytes, std::size_t size) noexcept;
void set_field(std::uint8_t* bytes, std::size_t size, std::uint32_t value) noexcept;
/// Decodes for `write_all`.
std::int32_t one_byte(const std::uint8_t* field);
std::int32_t four_bytes(const std::uint8_t* field);

/// Throws std::invalid_argument unless baud and margin are ones a port can have.
void check_line(std::uint32_t baud, double reply_margin_s);

}  // namespace motorium
