#include "bus/feetech_link.hpp"

#include <algorithm>

#include "bus/monotonic.hpp"

namespace motorium {
namespace {

constexpr double kBitsPerByte = 10.0;  // 8N1
constexpr std::size_t kReplyOverhead = 6;

}  // namespace

/// The replies one request waits for, and where they go.
struct FeetechLink::Expected {
  std::span<const std::uint8_t> ids;
  std::uint8_t size;
  std::span<std::uint8_t> rows;
  std::span<std::uint8_t> errors;
  std::span<bool> answered;
  std::size_t echoed = 0;  ///< Bytes that so far look like our own request coming back.
  bool may_echo = true;
  bool last_spoke = false;
};

FeetechLink::FeetechLink(const std::string& port, std::uint32_t baud, double reply_margin_s)
    : port_(port, baud),
      byte_ns_(kBitsPerByte * static_cast<double>(kNsPerS) / baud),
      margin_ns_(static_cast<std::int64_t>(reply_margin_s * static_cast<double>(kNsPerS))) {}

void FeetechLink::set_reply_margin_s(double margin_s) noexcept {
  margin_ns_ = static_cast<std::int64_t>(margin_s * static_cast<double>(kNsPerS));
}

std::int64_t FeetechLink::timeout_ns(std::size_t request_bytes, std::size_t reply_bytes,
                                     std::size_t replies) const noexcept {
  const double wire_ns = byte_ns_ * static_cast<double>(request_bytes + reply_bytes);
  return static_cast<std::int64_t>(wire_ns) + return_delay_ns_ * static_cast<std::int64_t>(replies) +
         margin_ns_;
}

LinkStatus FeetechLink::send(std::size_t n) noexcept {
  if (n == 0) return LinkStatus::invalid;
  counters_.cycles += 1;
  counters_.flushed_bytes += port_.discard_input();
  mtr_ft_parser_clear(&parser_);
  const IoResult sent = port_.write_all({request_.data(), n}, monotonic_ns() + timeout_ns(n, 0, 0));
  if (sent.status == IoStatus::ok) return LinkStatus::ok;
  counters_.io_errors += 1;
  return sent.status == IoStatus::closed ? LinkStatus::closed : LinkStatus::incomplete;
}

bool FeetechLink::accept(Expected& expected, const mtr_ft_view& view, BusCounters& counters) noexcept {
  const auto found = std::find(expected.ids.begin(), expected.ids.end(), view.id);
  const auto i = static_cast<std::size_t>(found - expected.ids.begin());
  if (found == expected.ids.end() || expected.answered[i]) {
    counters.wrong_id += 1;
    return false;
  }
  if (view.n_parameters != expected.size) {
    counters.length_errors += 1;
    return false;
  }
  std::copy_n(view.parameters, expected.size,
              expected.rows.begin() + static_cast<std::ptrdiff_t>(i * expected.size));
  expected.errors[i] = view.instruction;
  expected.answered[i] = true;
  if (i + 1 == expected.ids.size()) expected.last_spoke = true;
  return true;
}

/// Feeds bytes to the parser; true once nothing more is to be expected.
bool FeetechLink::take(Expected& expected, std::span<const std::uint8_t> bytes) noexcept {
  while (!bytes.empty()) {
    bytes = bytes.subspan(mtr_ft_push(&parser_, bytes.data(), bytes.size()));
    mtr_ft_view view{};
    for (mtr_ft_event event = mtr_ft_next(&parser_, &view); event != MTR_FT_MORE;
         event = mtr_ft_next(&parser_, &view)) {
      counters_.crc_errors += event == MTR_FT_BAD_CHECKSUM;
      counters_.length_errors += event == MTR_FT_BAD_LENGTH;
      if (event == MTR_FT_GOOD && accept(expected, view, counters_) && expected.last_spoke) return true;
    }
  }
  return false;
}

LinkStatus FeetechLink::collect(Expected& expected, std::size_t request_bytes) noexcept {
  const std::size_t reply_bytes = expected.ids.size() * (expected.size + kReplyOverhead);
  const std::int64_t deadline = monotonic_ns() + timeout_ns(request_bytes, reply_bytes, expected.ids.size());
  parser_.max_parameters = expected.size > 0 ? expected.size : 1;
  std::fill(expected.answered.begin(), expected.answered.end(), false);
  std::array<std::uint8_t, 512> chunk;
  bool done = false;
  // Time is looked at before each read: what arrived while this thread was kept off the processor still
  // counts, and a servo that never stops talking cannot hold it here.
  for (bool late = false; !done && !late;) {
    late = monotonic_ns() >= deadline;
    const IoResult got = port_.read_some(chunk, deadline);
    if (got.status == IoStatus::closed) {
      counters_.io_errors += 1;
      return LinkStatus::closed;
    }
    if (got.status == IoStatus::timeout) break;
    std::span<const std::uint8_t> bytes(chunk.data(), got.n);
    // An adapter without direction control hears itself: drop what repeats the request, byte by byte.
    while (expected.may_echo && !bytes.empty()) {
      if (bytes.front() == request_[expected.echoed]) {
        bytes = bytes.subspan(1);
        if (++expected.echoed == request_bytes) expected.may_echo = false;
      } else {
        expected.may_echo = false;
        done = take(expected, {request_.data(), expected.echoed});
      }
    }
    done = done || take(expected, bytes);
  }
  const auto missing = std::count(expected.answered.begin(), expected.answered.end(), false);
  if (missing == 0) return LinkStatus::ok;
  counters_.timeouts += static_cast<std::uint64_t>(missing);
  return LinkStatus::incomplete;
}

LinkStatus FeetechLink::ping(std::uint8_t id, std::uint8_t* error) noexcept {
  const std::size_t n = mtr_ft_ping(request_.data(), request_.size(), id);
  return ask_one(n, id, {}, error);
}

LinkStatus FeetechLink::read(std::uint8_t id, std::uint8_t address, std::span<std::uint8_t> data,
                             std::uint8_t* error) noexcept {
  if (data.empty() || data.size() > MTR_FT_MAX_PARAMETERS) return LinkStatus::invalid;
  const auto size = static_cast<std::uint8_t>(data.size());
  return ask_one(mtr_ft_read(request_.data(), request_.size(), id, address, size), id, data, error);
}

LinkStatus FeetechLink::write(std::uint8_t id, std::uint8_t address, std::span<const std::uint8_t> data,
                              std::uint8_t* error) noexcept {
  const std::size_t n = mtr_ft_write(request_.data(), request_.size(), id, address, data.data(), data.size());
  return id == MTR_FT_BROADCAST ? send(n) : ask_one(n, id, {}, error);
}

LinkStatus FeetechLink::ask_one(std::size_t n, std::uint8_t id, std::span<std::uint8_t> data,
                                std::uint8_t* error) noexcept {
  std::uint8_t status = 0;
  bool answered = false;
  const LinkStatus sent = id <= MTR_FT_MAX_ID ? send(n) : LinkStatus::invalid;
  if (sent != LinkStatus::ok) return sent;
  Expected expected{{&id, 1}, static_cast<std::uint8_t>(data.size()), data, {&status, 1}, {&answered, 1}};
  const LinkStatus result = collect(expected, n);
  if (error != nullptr) *error = status;
  return result;
}

LinkStatus FeetechLink::sync_read(std::span<const std::uint8_t> ids, std::uint8_t address, std::uint8_t size,
                                  std::span<std::uint8_t> rows, std::span<std::uint8_t> errors,
                                  std::span<bool> answered) noexcept {
  const std::size_t n_ids = ids.size();
  if (size < 1 || rows.size() != n_ids * size || errors.size() != n_ids || answered.size() != n_ids) {
    return LinkStatus::invalid;
  }
  std::fill(answered.begin(), answered.end(), false);
  const std::size_t n = mtr_ft_sync_read(request_.data(), request_.size(), ids.data(), n_ids, address, size);
  const LinkStatus sent = send(n);
  if (sent != LinkStatus::ok) return sent;
  Expected expected{ids, size, rows, errors, answered};
  return collect(expected, n);
}

LinkStatus FeetechLink::sync_write(std::span<const std::uint8_t> ids, std::uint8_t address, std::uint8_t size,
                                   std::span<const std::uint8_t> rows) noexcept {
  if (rows.size() != ids.size() * size) return LinkStatus::invalid;
  return send(mtr_ft_sync_write(request_.data(), request_.size(), ids.data(), ids.size(), address, size,
                                rows.data()));
}

}  // namespace motorium
