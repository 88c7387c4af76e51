#include "bus/feetech_link.hpp"

#include <algorithm>

namespace motorium {
namespace {

constexpr std::size_t kReplyOverhead = 6;
constexpr std::size_t kFrontBytes = 5;  // header, id, length, error
constexpr std::uint16_t kId = 5;        // in the tables of all series
constexpr std::size_t kReadParameters = 2;

bool fits(std::uint16_t address, std::size_t size) { return address <= 0xFF && size <= 0xFF; }

bool are_single(std::span<const std::uint8_t> ids) {
  return std::all_of(ids.begin(), ids.end(), [](std::uint8_t id) { return id <= MTR_FT_MAX_ID; });
}

}  // namespace

/// Feeds bytes to the parser; true once nothing more is expected.
bool FeetechLink::take(ReplySet& replies, std::span<const std::uint8_t> bytes) noexcept {
  BusCounters& counters = line_.counters();
  while (!bytes.empty()) {
    bytes = bytes.subspan(mtr_ft_push(&parser_, bytes.data(), bytes.size()));
    mtr_ft_view view{};
    for (mtr_ft_event event = mtr_ft_next(&parser_, &view); event != MTR_FT_MORE;
         event = mtr_ft_next(&parser_, &view)) {
      counters.crc_errors += event == MTR_FT_BAD_CHECKSUM && !skipped_own();
      counters.length_errors += event == MTR_FT_BAD_LENGTH;
      if (event != MTR_FT_GOOD) continue;
      if (is_own(view)) continue;
      line_.accept(replies, view.id, view.instruction, {view.parameters, view.n_parameters});
      if (replies.last_spoke) return true;
    }
  }
  return false;
}

/// Whether a frame is our own. Servos never answer with the broadcast id.
bool FeetechLink::is_own(const mtr_ft_view& view) noexcept {
  const std::span<const std::uint8_t> frame(view.parameters - kFrontBytes,
                                            view.n_parameters + kReplyOverhead);
  const bool own = view.id > MTR_FT_MAX_ID || own_.contain(frame, monotonic_ns());
  own_came_ = own_came_ || own;
  return own;
}

/// Whether the false header that the parser just passed was that of our own request, cut short.
bool FeetechLink::skipped_own() const noexcept {
  const std::uint8_t* const header = parser_.bytes + parser_.begin - 1;
  return std::equal(header, header + kFrontBytes - 1, request_.begin());
}

void FeetechLink::overhear(std::span<const std::uint8_t> bytes) noexcept {
  ReplySet nobody{{}, 0, {}, {}, {}};
  take(nobody, bytes);
}

LinkStatus FeetechLink::ask(std::size_t n, ReplySet& replies) noexcept {
  const std::span<const std::uint8_t> request(request_.data(), n);
  line_.prepare(request, replies);
  own_came_ = false;
  if (replies.ids.size() == 1) own_.sent(request, line_.echo_until_ns());
  const LinkStatus sent = line_.send(request);
  if (sent != LinkStatus::ok) return sent;
  mtr_ft_parser_clear(&parser_);
  const std::size_t echo = std::max(own_.longest(monotonic_ns()), kReplyOverhead) - kReplyOverhead;
  const std::size_t longest = std::max({replies.size + room_, replies.on_wire(), echo, std::size_t{1}});
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
  std::uint8_t said = 0;
  const LinkStatus status = read(id, kId, {&said, 1}, error);
  return status == LinkStatus::ok && said != id ? LinkStatus::incomplete : status;
}

/// Reads from one servo. A reply of two bytes may be identical to its request; when only such a frame came,
/// it may have been an echo, so a third byte is asked for, which gives the reply another length.
LinkStatus FeetechLink::read_one(std::uint8_t id, std::uint16_t address, std::span<std::uint8_t> data,
                                 std::uint8_t* error, std::size_t padding) noexcept {
  LinkStatus status = LinkStatus::incomplete;
  for (bool again = true; again; ++padding) {
    const std::size_t n =
        mtr_ft_read(request_.data(), request_.size(), id, static_cast<std::uint8_t>(address),
                    static_cast<std::uint8_t>(data.size() + padding));
    status = ask_one(n, id, data, error, padding);
    again = status == LinkStatus::incomplete && data.size() + padding == kReadParameters &&
            (own_came_ || line_.echoed());
  }
  return status;
}

LinkStatus FeetechLink::read(std::uint8_t id, std::uint16_t address, std::span<std::uint8_t> data,
                             std::uint8_t* error) noexcept {
  if (data.empty() || data.size() > MTR_FT_MAX_PARAMETERS || !fits(address, data.size())) {
    return LinkStatus::invalid;
  }
  return read_one(id, address, data, error, 0);
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
    const LinkStatus status =
        read_one(replies.ids[i], address, replies.rows.subspan(i * replies.size, replies.size),
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
      answered.size() != n_ids || !are_single(ids)) {
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
