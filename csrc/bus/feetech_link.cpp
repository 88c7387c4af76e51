#include "bus/feetech_link.hpp"

#include <algorithm>

namespace motorium {
namespace {

constexpr std::size_t kReplyOverhead = 6;

bool fits(std::uint16_t address, std::size_t size) { return address <= 0xFF && size <= 0xFF; }

}  // namespace

/// Feeds bytes to the parser; true once nothing more is to be expected.
bool FeetechLink::take(ReplySet& replies, std::span<const std::uint8_t> bytes) noexcept {
  BusCounters& counters = line_.counters();
  while (!bytes.empty()) {
    bytes = bytes.subspan(mtr_ft_push(&parser_, bytes.data(), bytes.size()));
    mtr_ft_view view{};
    for (mtr_ft_event event = mtr_ft_next(&parser_, &view); event != MTR_FT_MORE;
         event = mtr_ft_next(&parser_, &view)) {
      counters.crc_errors += event == MTR_FT_BAD_CHECKSUM;
      counters.length_errors += event == MTR_FT_BAD_LENGTH;
      if (event != MTR_FT_GOOD) continue;
      line_.accept(replies, view.id, view.instruction, {view.parameters, view.n_parameters});
      if (replies.last_spoke) return true;
    }
  }
  return false;
}

void FeetechLink::overhear(std::span<const std::uint8_t> bytes) noexcept {
  ReplySet nobody{{}, 0, {}, {}, {}};
  take(nobody, bytes);
}

LinkStatus FeetechLink::ask(std::size_t n, ReplySet& replies) noexcept {
  const std::span<const std::uint8_t> request(request_.data(), n);
  line_.prepare(request, replies);
  const LinkStatus sent = line_.send(request);
  if (sent != LinkStatus::ok) return sent;
  mtr_ft_parser_clear(&parser_);
  const std::size_t longest = std::max<std::size_t>(replies.size + room_, 1);  // late ones too
  parser_.max_parameters = static_cast<std::uint8_t>(std::min<std::size_t>(longest, MTR_FT_MAX_PARAMETERS));
  return line_.receive(
      request, replies.ids.size() * (replies.on_wire() + kReplyOverhead), replies,
      [&](std::span<const std::uint8_t> bytes) { return take(replies, bytes); }, [] {});
}

LinkStatus FeetechLink::ask_one(std::size_t n, std::uint8_t id, std::span<std::uint8_t> data,
                                std::uint8_t* error, std::size_t padding) noexcept {
  std::uint8_t status = 0;
  bool answered = false;
  if (id > MTR_FT_MAX_ID) return LinkStatus::invalid;
  ReplySet replies{{&id, 1}, data.size(), data, {&status, 1}, {&answered, 1}, padding};
  const LinkStatus result = ask(n, replies);
  if (error != nullptr) *error = status;
  return result;
}

LinkStatus FeetechLink::ping(std::uint8_t id, std::uint8_t* error) noexcept {
  return ask_one(mtr_ft_ping(request_.data(), request_.size(), id), id, {}, error);
}

LinkStatus FeetechLink::read(std::uint8_t id, std::uint16_t address, std::span<std::uint8_t> data,
                             std::uint8_t* error) noexcept {
  if (data.empty() || data.size() > MTR_FT_MAX_PARAMETERS || !fits(address, data.size())) {
    return LinkStatus::invalid;
  }
  const auto size = static_cast<std::uint8_t>(data.size());
  const auto at = static_cast<std::uint8_t>(address);
  return ask_one(mtr_ft_read(request_.data(), request_.size(), id, at, size), id, data, error);
}

LinkStatus FeetechLink::write(std::uint8_t id, std::uint16_t address, std::span<const std::uint8_t> data,
                              std::uint8_t* error) noexcept {
  if (!fits(address, data.size())) return LinkStatus::invalid;
  const auto at = static_cast<std::uint8_t>(address);
  const std::size_t n = mtr_ft_write(request_.data(), request_.size(), id, at, data.data(), data.size());
  return id == MTR_FT_BROADCAST ? line_.send({request_.data(), n}) : ask_one(n, id, {}, error);
}

LinkStatus FeetechLink::read_in_turn(ReplySet& replies, std::uint16_t address) noexcept {
  LinkStatus worst = LinkStatus::ok;
  for (std::size_t i = 0; i < replies.ids.size(); ++i) {
    const std::size_t more = padding(replies.ids.subspan(i, 1), address, replies.size);
    const std::size_t n =
        mtr_ft_read(request_.data(), request_.size(), replies.ids[i], static_cast<std::uint8_t>(address),
                    static_cast<std::uint8_t>(replies.size + more));
    const LinkStatus status = ask_one(n, replies.ids[i], replies.rows.subspan(i * replies.size, replies.size),
                                      &replies.errors[i], more);
    if (status == LinkStatus::closed) return status;
    replies.answered[i] = status == LinkStatus::ok;
    if (status != LinkStatus::ok) worst = LinkStatus::incomplete;
  }
  return worst;
}

LinkStatus FeetechLink::sync_read(std::span<const std::uint8_t> ids, std::uint16_t address,
                                  std::uint16_t size, std::span<std::uint8_t> rows,
                                  std::span<std::uint8_t> errors, std::span<bool> answered) noexcept {
  const std::size_t n_ids = ids.size();
  ReplySet replies{ids, size, rows, errors, answered, padding(ids, address, size)};
  replies.clear();
  if (size < 1 || !fits(address, size) || rows.size() != n_ids * size || errors.size() != n_ids ||
      answered.size() != n_ids) {
    return LinkStatus::invalid;
  }
  if (!sync_read_) return read_in_turn(replies, address);
  return ask(
      mtr_ft_sync_read(request_.data(), request_.size(), ids.data(), n_ids,
                       static_cast<std::uint8_t>(address), static_cast<std::uint8_t>(replies.on_wire())),
      replies);
}

LinkStatus FeetechLink::sync_write(std::span<const std::uint8_t> ids, std::uint16_t address,
                                   std::uint16_t size, std::span<const std::uint8_t> rows) noexcept {
  if (!fits(address, size) || rows.size() != ids.size() * size) return LinkStatus::invalid;
  const std::size_t n =
      mtr_ft_sync_write(request_.data(), request_.size(), ids.data(), ids.size(),
                        static_cast<std::uint8_t>(address), static_cast<std::uint8_t>(size), rows.data());
  return line_.send({request_.data(), n});
}

}  // namespace motorium
