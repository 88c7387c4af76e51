#include "emulator/dynamixel_chain.hpp"

#include <array>

#include "io/monotonic.hpp"

namespace motorium {
namespace {

constexpr std::uint8_t kFine = 0, kAccess = MTR_DXL_ACCESS, kTooShort = MTR_DXL_DATA_LENGTH;

using Buffer = std::array<std::uint8_t, MTR_DXL_MAX_PACKET>;

std::vector<std::uint8_t> first(const Buffer& buffer, std::size_t n) {
  return {buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n)};
}

std::uint16_t get16(std::span<const std::uint8_t> bytes) {
  return static_cast<std::uint16_t>(bytes[0] | bytes[1] << 8);
}

}  // namespace

DynamixelChain::DynamixelChain(const ServoModels& servos) {
  for (const auto& [id, model] : servos) servos_.emplace_back(id, model);
}

void DynamixelChain::consume(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    bytes = bytes.subspan(mtr_dxl_push(&parser_, bytes.data(), bytes.size()));
    mtr_dxl_view view{};
    for (mtr_dxl_event event = mtr_dxl_next(&parser_, &view); event != MTR_DXL_MORE;
         event = mtr_dxl_next(&parser_, &view)) {
      line.stats.bad_checksums += event == MTR_DXL_BAD_CRC;
      line.stats.bad_lengths += event == MTR_DXL_BAD_LENGTH;
      if (event != MTR_DXL_GOOD || view.instruction == MTR_DXL_STATUS) continue;
      line.stats.requests += 1;
      handle(view);
    }
  }
}

int DynamixelChain::find(std::uint8_t id) noexcept {
  for (std::size_t i = 0; i < servos_.size(); ++i) {
    if (servos_[i].id() == id && hears(i)) return static_cast<int>(i);
  }
  return -1;
}

void DynamixelChain::handle(const mtr_dxl_view& view) {
  const Bytes parameters(view.parameters, view.n_parameters);
  Buffer request;
  const std::size_t n = mtr_dxl_packet(request.data(), request.size(), view.id, view.instruction,
                                       parameters.data(), parameters.size());
  line.hear(n);
  line.echo({request.data(), n});
  for (std::size_t i = 0; i < servos_.size(); ++i) {
    if (hears(i)) servos_[i].hear(monotonic_ns());
  }
  std::vector<Asked> asked;
  const bool sync = view.instruction == MTR_DXL_SYNC_READ || view.instruction == MTR_DXL_FAST_SYNC_READ;
  const bool bulk = view.instruction == MTR_DXL_BULK_READ || view.instruction == MTR_DXL_FAST_BULK_READ;
  if (sync && parameters.size() > 4) {
    for (const std::uint8_t id : parameters.subspan(4)) {
      asked.push_back({id, get16(parameters), get16(parameters.subspan(2))});
    }
  }
  for (Bytes rest = parameters; bulk && rest.size() >= 5; rest = rest.subspan(5)) {
    asked.push_back({rest[0], get16(rest.subspan(1)), get16(rest.subspan(3))});
  }
  const bool fast = view.instruction == MTR_DXL_FAST_SYNC_READ || view.instruction == MTR_DXL_FAST_BULK_READ;
  if (sync || bulk) return fast ? read_together(asked) : read_each(asked);
  if (view.instruction == MTR_DXL_SYNC_WRITE) return sync_write(parameters);
  if (view.instruction == MTR_DXL_BULK_WRITE) return bulk_write(parameters);
  const auto handle_it = [&](std::size_t i) { handle_one(i, view); };
  tell(view.id, handle_it);
  if (view.id == MTR_DXL_BROADCAST) return tell_all(handle_it);
  if (view.instruction == MTR_DXL_WRITE) obey_shadows(view);
}

/// Servos addressed by their shadow id obey silently.
void DynamixelChain::obey_shadows(const mtr_dxl_view& view) {
  for (std::size_t i = 0; i < servos_.size(); ++i) {
    if (hears(i) && view.id != servos_[i].id() && servos_[i].obeys(view.id)) handle_command(servos_[i], view);
  }
}

void DynamixelChain::read_each(const std::vector<Asked>& asked) {
  for (const Asked& a : asked) {
    const int i = find(a.id);
    if (i < 0) continue;
    const auto at = static_cast<std::size_t>(i);
    const Bytes data = servos_[at].read(a.address, a.size);
    reply(at, a.id, data.empty() ? kAccess : kFine, data);
  }
}

/// Answers in one packet, each servo after those before it have spoken; a silent servo ends the packet.
void DynamixelChain::read_together(const std::vector<Asked>& asked) {
  std::size_t total = 0;
  for (const Asked& a : asked) total += a.size;
  Buffer buffer;
  mtr_dxl_writer writer;
  mtr_dxl_begin_fast(&writer, buffer.data(), buffer.size(), asked.size(), total);
  std::size_t n = 0;
  ServoFault befallen = ServoFault::none;
  std::int64_t return_delay_ns = 0;
  std::size_t damaged_from = 0;
  for (const Asked& a : asked) {
    const int i = find(a.id);
    const bool able = i >= 0 && servos_[static_cast<std::size_t>(i)].fast();
    const ServoFault kind = able ? line.faults.strike(i) : ServoFault::none;
    line.stats.faults += kind != ServoFault::none;
    line.stats.replies += able;
    if (!able || kind == ServoFault::drop) break;
    const DynamixelTable& servo = servos_[static_cast<std::size_t>(i)];
    const Bytes data = servo.read(a.address, a.size);
    const std::uint8_t id = kind == ServoFault::wrong_id ? FaultEngine::wrong_id(a.id) : a.id;
    if (n == 0) return_delay_ns = servo.return_delay_ns();
    const std::size_t before = writer.n;
    n = mtr_dxl_put_block(&writer, id, servo.with_alert(0), data.data(), data.size());
    if (kind != ServoFault::none && befallen == ServoFault::none) {
      befallen = kind;
      damaged_from = before;
    }
    if (kind == ServoFault::truncate || kind == ServoFault::wrong_length) break;
  }
  std::vector<std::uint8_t> packet = first(buffer, n);
  if (befallen == ServoFault::corrupt) packet[damaged_from + 2] ^= 0x10;
  if (befallen == ServoFault::truncate) packet.resize(damaged_from + (packet.size() - damaged_from) / 2);
  if (befallen == ServoFault::wrong_length) packet.push_back(0);
  if (befallen != ServoFault::corrupt && befallen != ServoFault::truncate)
    FaultEngine::spoil(befallen, packet);
  line.send(std::move(packet), return_delay_ns, befallen == ServoFault::delay);
}

void DynamixelChain::sync_write(Bytes parameters) noexcept {
  if (parameters.size() < 5) return;
  const std::uint16_t address = get16(parameters);
  const std::size_t size = get16(parameters.subspan(2));
  for (Bytes rest = parameters.subspan(4); rest.size() >= 1 + size; rest = rest.subspan(1 + size)) {
    for (std::size_t i = 0; i < servos_.size(); ++i) {
      if (hears(i) && servos_[i].obeys(rest[0])) servos_[i].write(address, rest.subspan(1, size));
    }
  }
}

void DynamixelChain::bulk_write(Bytes rest) noexcept {
  while (rest.size() >= 5) {
    const std::size_t size = get16(rest.subspan(3));
    if (rest.size() < 5 + size) return;
    const int i = find(rest[0]);
    if (i >= 0) servos_[static_cast<std::size_t>(i)].write(get16(rest.subspan(1)), rest.subspan(5, size));
    rest = rest.subspan(5 + size);
  }
}

void DynamixelChain::handle_one(std::size_t i, const mtr_dxl_view& view) {
  DynamixelTable& servo = servos_[i];
  const bool alone = view.id != MTR_DXL_BROADCAST;
  const Bytes parameters(view.parameters, view.n_parameters);
  if (view.instruction == MTR_DXL_PING) {
    const std::uint16_t model = servo.model_number();
    const std::array<std::uint8_t, 3> about{static_cast<std::uint8_t>(model & 0xFF),
                                            static_cast<std::uint8_t>(model >> 8), servo.firmware()};
    return reply(i, servo.id(), 0, about);
  }
  if (view.instruction == MTR_DXL_READ) {
    if (!alone || servo.return_level() < 1 || parameters.size() != 4) return;
    const Bytes data = servo.read(get16(parameters), get16(parameters.subspan(2)));
    return reply(i, view.id, data.empty() ? kAccess : kFine, data);
  }
  const bool answers = alone && servo.return_level() > 1;
  const std::uint8_t id = servo.id();  // answers with the id it was called by, even when the write changes it
  const std::uint8_t error = handle_command(servo, view);
  if (answers) reply(i, id, error, {});
}

std::uint8_t DynamixelChain::handle_command(DynamixelTable& servo, const mtr_dxl_view& view) {
  const Bytes parameters(view.parameters, view.n_parameters);
  const bool has_data = parameters.size() > 2;
  switch (view.instruction) {
    case MTR_DXL_WRITE:
      return has_data ? servo.write(get16(parameters), parameters.subspan(2)) : kTooShort;
    case MTR_DXL_REG_WRITE:
      return has_data ? servo.reg_write(get16(parameters), parameters.subspan(2)) : kTooShort;
    case MTR_DXL_ACTION:
      return servo.action();
    case MTR_DXL_FACTORY_RESET:
      servo.factory_reset();
      return 0;
    case MTR_DXL_REBOOT:
      servo.power_cycle();
      return 0;
    case MTR_DXL_CLEAR:
      return servo.clear_turns();
    default:
      return MTR_DXL_BAD_INSTRUCTION;
  }
}

void DynamixelChain::reply(std::size_t i, std::uint8_t id, std::uint8_t error, Bytes data) {
  const DynamixelTable& servo = servos_[i];
  const std::uint8_t shown = servo.with_alert(error);
  line.reply(static_cast<int>(i), id, data, servo.return_delay_ns(), [&](std::uint8_t from, Bytes payload) {
    Buffer buffer;
    return first(buffer,
                 mtr_dxl_status(buffer.data(), buffer.size(), from, shown, payload.data(), payload.size()));
  });
}

}  // namespace motorium
