#include "bus/dynamixel_link.hpp"

#include <algorithm>

namespace motorium {
namespace {

constexpr std::size_t kReplyOverhead = MTR_DXL_OVERHEAD + 1;  // including its error byte
constexpr std::size_t kFastOverhead = 8;                      // header to instruction
constexpr std::size_t kBlockOverhead = 4;                     // error, id, CRC
constexpr std::size_t kPingSize = 3;                          // model 2, firmware 1

/// Returns LEN of a reply with `size` bytes of data if every third byte needed stuffing.
std::uint16_t longest(std::size_t size) { return static_cast<std::uint16_t>(4 + size + size / 3); }

}  // namespace

/// Accepts blocks of a fast reply as soon as their own CRC is right, whatever happens to those after them.
void DynamixelLink::take_blocks(ReplySet& replies) noexcept {
  const std::size_t intact = mtr_dxl_fast_intact(&parser_, replies.size);
  for (std::size_t i = 0; i < intact; ++i) {
    mtr_dxl_view block{};
    mtr_dxl_fast_block(&parser_, i, replies.size, &block);
    const auto found = std::find(replies.ids.begin(), replies.ids.end(), block.id);
    const auto at = static_cast<std::size_t>(found - replies.ids.begin());
    if (found != replies.ids.end() && replies.answered[at]) continue;  // seen when fewer bytes were in
    line_.accept(replies, block.id, block.error, {block.parameters, block.n_parameters});
  }
}

/// Accepts all blocks: the CRC of the whole fast reply covers them.
void DynamixelLink::take_fast(ReplySet& replies, const mtr_dxl_view& view) noexcept {
  mtr_dxl_view block{};
  std::size_t at = 0;
  while ((at = mtr_dxl_fast_next(&view, at, replies.size, &block)) != 0) {
    const auto found = std::find(replies.ids.begin(), replies.ids.end(), block.id);
    const auto i = static_cast<std::size_t>(found - replies.ids.begin());
    if (found == replies.ids.end() || replies.answered[i]) continue;
    line_.accept(replies, block.id, block.error, {block.parameters, block.n_parameters});
  }
}

void DynamixelLink::take_packet(ReplySet& replies, const mtr_dxl_view& view) noexcept {
  if (view.instruction != MTR_DXL_STATUS) return;
  if (view.id == MTR_DXL_BROADCAST) {
    if (fast_) take_fast(replies, view);
    return;
  }
  if (fast_) return;  // a late reply to an earlier request
  const bool refusal = view.n_parameters == 0 && (view.error & ~MTR_DXL_ALERT) != 0;
  if (refusal && replies.ids.size() == 1 && replies.ids[0] == view.id && !line_.doubtful(view.id, replies)) {
    replies.errors[0] = view.error;
    replies.refused = true;
    line_.counters().refusals += 1;
    return;
  }
  line_.accept(replies, view.id, view.error, {view.parameters, view.n_parameters});
}

/// Returns true once nothing more is expected.
bool DynamixelLink::drain(ReplySet& replies) noexcept {
  BusCounters& counters = line_.counters();
  for (;;) {
    if (fast_) take_blocks(replies);
    mtr_dxl_view view{};
    const mtr_dxl_event event = mtr_dxl_next(&parser_, &view);
    if (event == MTR_DXL_MORE) break;
    counters.crc_errors += event == MTR_DXL_BAD_CRC;
    counters.length_errors += event == MTR_DXL_BAD_LENGTH;
    if (event == MTR_DXL_GOOD) take_packet(replies, view);
    if (replies.last_spoke || replies.refused) return true;
  }
  return replies.last_spoke;
}

bool DynamixelLink::take(ReplySet& replies, std::span<const std::uint8_t> bytes) noexcept {
  while (!bytes.empty()) {
    bytes = bytes.subspan(mtr_dxl_push(&parser_, bytes.data(), bytes.size()));
    if (drain(replies)) return true;
  }
  return false;
}

void DynamixelLink::overhear(std::span<const std::uint8_t> bytes) noexcept {
  ReplySet nobody{{}, 0, {}, {}, {}};
  if (!fast_) take(nobody, bytes);
}

LinkStatus DynamixelLink::ask(std::size_t n, std::size_t reply_bytes, ReplySet& replies) noexcept {
  const std::span<const std::uint8_t> request(request_.data(), n);
  line_.prepare(request, replies);
  const LinkStatus sent = line_.send(request);
  if (sent != LinkStatus::ok) return sent;
  mtr_dxl_parser_clear(&parser_);
  parser_.max_length =
      fast_ ? static_cast<std::uint16_t>(1 + replies.ids.size() * (replies.size + kBlockOverhead))
            : longest(replies.size + room_);  // late replies included
  return line_.receive(
      request, reply_bytes, replies,
      [&](std::span<const std::uint8_t> bytes) { return take(replies, bytes); },
      [&] {
        while (mtr_dxl_give_up(&parser_) && !drain(replies)) continue;
      });
}

LinkStatus DynamixelLink::ask_one(std::size_t n, std::uint8_t id, std::span<std::uint8_t> data,
                                  std::uint8_t* error) noexcept {
  std::uint8_t status = 0;
  bool answered = false;
  if (id > MTR_DXL_MAX_ID) return LinkStatus::invalid;
  fast_ = false;
  ReplySet replies{{&id, 1}, data.size(), data, {&status, 1}, {&answered, 1}};
  const LinkStatus result = ask(n, data.size() + kReplyOverhead, replies);
  if (error != nullptr) *error = status;
  return result;
}

LinkStatus DynamixelLink::ping(std::uint8_t id, std::uint8_t* error) noexcept {
  std::array<std::uint8_t, kPingSize> model{};
  return ask_one(mtr_dxl_ping(request_.data(), request_.size(), id), id, model, error);
}

LinkStatus DynamixelLink::reboot(std::uint8_t id, std::uint8_t* error) noexcept {
  return ask_one(mtr_dxl_reboot(request_.data(), request_.size(), id), id, {}, error);
}

LinkStatus DynamixelLink::read(std::uint8_t id, std::uint16_t address, std::span<std::uint8_t> data,
                               std::uint8_t* error) noexcept {
  if (data.empty() || data.size() > MTR_DXL_MAX_PACKET) return LinkStatus::invalid;
  const auto size = static_cast<std::uint16_t>(data.size());
  return ask_one(mtr_dxl_read(request_.data(), request_.size(), id, address, size), id, data, error);
}

LinkStatus DynamixelLink::write(std::uint8_t id, std::uint16_t address, std::span<const std::uint8_t> data,
                                std::uint8_t* error) noexcept {
  const std::size_t n =
      mtr_dxl_write(request_.data(), request_.size(), id, MTR_DXL_WRITE, address, data.data(), data.size());
  return id == MTR_DXL_BROADCAST ? line_.send({request_.data(), n}) : ask_one(n, id, {}, error);
}

LinkStatus DynamixelLink::ask_many(std::uint8_t instruction, std::uint16_t address,
                                   ReplySet& replies) noexcept {
  const std::size_t n_ids = replies.ids.size();
  fast_ = instruction == MTR_DXL_FAST_SYNC_READ;
  replies.clear();
  if (!fast_) replies.padding = padding(replies.ids, address, replies.size);
  if (replies.size < 1 || replies.rows.size() != n_ids * replies.size || replies.errors.size() != n_ids ||
      replies.answered.size() != n_ids) {
    return LinkStatus::invalid;
  }
  const std::size_t n = mtr_dxl_sync_read(request_.data(), request_.size(), instruction, replies.ids.data(),
                                          n_ids, address, static_cast<std::uint16_t>(replies.on_wire()));
  const std::size_t bytes = fast_ ? kFastOverhead + n_ids * (replies.size + kBlockOverhead)
                                  : n_ids * (replies.on_wire() + kReplyOverhead);
  return bytes <= MTR_DXL_MAX_PACKET || !fast_ ? ask(n, bytes, replies) : LinkStatus::invalid;
}

LinkStatus DynamixelLink::sync_read(std::span<const std::uint8_t> ids, std::uint16_t address,
                                    std::uint16_t size, std::span<std::uint8_t> rows,
                                    std::span<std::uint8_t> errors, std::span<bool> answered) noexcept {
  ReplySet replies{ids, size, rows, errors, answered};
  return ask_many(MTR_DXL_SYNC_READ, address, replies);
}

LinkStatus DynamixelLink::fast_sync_read(std::span<const std::uint8_t> ids, std::uint16_t address,
                                         std::uint16_t size, std::span<std::uint8_t> rows,
                                         std::span<std::uint8_t> errors, std::span<bool> answered) noexcept {
  ReplySet replies{ids, size, rows, errors, answered};
  return ask_many(MTR_DXL_FAST_SYNC_READ, address, replies);
}

LinkStatus DynamixelLink::sync_write(std::span<const std::uint8_t> ids, std::uint16_t address,
                                     std::uint16_t size, std::span<const std::uint8_t> rows) noexcept {
  if (rows.size() != ids.size() * size) return LinkStatus::invalid;
  const std::size_t n = mtr_dxl_sync_write(request_.data(), request_.size(), ids.data(), ids.size(), address,
                                           size, rows.data());
  return line_.send({request_.data(), n});
}

}  // namespace motorium
