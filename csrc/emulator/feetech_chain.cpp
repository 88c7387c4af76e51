#include "emulator/feetech_chain.hpp"

#include <array>

namespace motorium {
namespace {

std::vector<std::uint8_t> frame(std::uint8_t id, std::uint8_t instruction,
                                std::span<const std::uint8_t> data) {
  std::array<std::uint8_t, MTR_FT_MAX_PACKET> packet;
  const std::size_t n =
      mtr_ft_packet(packet.data(), packet.size(), id, instruction, data.data(), data.size());
  return {packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(n)};
}

}  // namespace

FeetechChain::FeetechChain(const ServoModels& servos) {
  for (const auto& [id, model] : servos) {
    ServoTable::Series series = model.high_byte_first ? ServoTable::scs() : ServoTable::sts();
    series.turn = model.counts;
    check_counts(series.turn);
    servos_.emplace_back(id, model.model_number, series);
  }
}

void FeetechChain::consume(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    bytes = bytes.subspan(mtr_ft_push(&parser_, bytes.data(), bytes.size()));
    mtr_ft_view view{};
    for (mtr_ft_event event = mtr_ft_next(&parser_, &view); event != MTR_FT_MORE;
         event = mtr_ft_next(&parser_, &view)) {
      line.stats.bad_checksums += event == MTR_FT_BAD_CHECKSUM;
      line.stats.bad_lengths += event == MTR_FT_BAD_LENGTH;
      if (event != MTR_FT_GOOD) continue;
      line.stats.requests += 1;
      handle(view);
    }
  }
}

void FeetechChain::handle(const mtr_ft_view& view) {
  const std::span<const std::uint8_t> parameters(view.parameters, view.n_parameters);
  line.hear(parameters.size() + 6);
  if (line.faults.echoes()) line.echo(frame(view.id, view.instruction, parameters));
  if (view.instruction == MTR_FT_SYNC_READ) return handle_sync_read(parameters);
  if (view.instruction == MTR_FT_SYNC_WRITE) return handle_sync_write(parameters);
  const auto handle_it = [&](std::size_t i) { handle_one(i, view); };
  tell(view.id, handle_it);
  if (view.id == MTR_FT_BROADCAST) tell_all(handle_it);
}

void FeetechChain::handle_sync_read(std::span<const std::uint8_t> parameters) {
  if (parameters.size() < 3) return;
  for (const std::uint8_t id : parameters.subspan(2)) {
    tell(id, [&](std::size_t i) {
      if (!servos_[i].answers_sync_read()) return;
      const auto data = servos_[i].read(parameters[0], parameters[1]);
      if (!data.empty()) reply(i, data);
    });
  }
}

void FeetechChain::handle_sync_write(std::span<const std::uint8_t> parameters) noexcept {
  if (parameters.size() < 3) return;
  const std::size_t row = 1U + parameters[1];
  for (auto rest = parameters.subspan(2); rest.size() >= row; rest = rest.subspan(row)) {
    for (std::size_t i = 0; i < servos_.size(); ++i) {
      if (servos_[i].id() == rest[0] && hears(i)) servos_[i].write(parameters[0], rest.subspan(1, row - 1));
    }
  }
}

void FeetechChain::handle_one(std::size_t i, const mtr_ft_view& view) {
  ServoTable& servo = servos_[i];
  const std::span<const std::uint8_t> parameters(view.parameters, view.n_parameters);
  const bool alone = view.id != MTR_FT_BROADCAST;
  const bool acknowledge = alone && servo.acknowledges();
  switch (view.instruction) {
    case MTR_FT_PING:
      reply(i, {});
      return;
    case MTR_FT_READ:
      if (alone && parameters.size() == 2) {
        const auto data = servo.read(parameters[0], parameters[1]);
        if (!data.empty()) reply(i, data);
      }
      return;
    case MTR_FT_WRITE:
    case MTR_FT_REG_WRITE:
      if (parameters.size() < 2) return;
      // The acknowledgement has the id that the servo was called by, even when the write changes it.
      if (acknowledge) reply(i, {});
      if (view.instruction == MTR_FT_WRITE) servo.write(parameters[0], parameters.subspan(1));
      if (view.instruction == MTR_FT_REG_WRITE) servo.reg_write(parameters[0], parameters.subspan(1));
      return;
    case MTR_FT_ACTION:
      servo.action();
      if (acknowledge) reply(i, {});
      return;
    case MTR_FT_RESET:
      servo.reset();
      if (acknowledge) reply(i, {});
      return;
    default:
      return;
  }
}

void FeetechChain::reply(std::size_t i, std::span<const std::uint8_t> data) {
  const ServoTable& servo = servos_[i];
  line.reply(
      static_cast<int>(i), servo.id(), data, servo.return_delay_ns(),
      [&](std::uint8_t id, std::span<const std::uint8_t> shown) { return frame(id, servo.status(), shown); });
}

}  // namespace motorium
