#include "bus/recent_requests.hpp"

#include <algorithm>

namespace motorium {
namespace {

/// FNV-1a, 64 bits.
std::uint64_t hash_of(std::span<const std::uint8_t> bytes) noexcept {
  std::uint64_t hash = 14'695'981'039'346'656'037U;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 1'099'511'628'211U;
  return hash;
}

}  // namespace

void RecentRequests::sent(std::span<const std::uint8_t> request, std::int64_t until_ns) noexcept {
  const std::uint64_t hash = hash_of(request);
  Entry* place = entries_.data();
  for (Entry& entry : entries_) {
    const bool same = entry.hash == hash && entry.size == request.size();
    if (same || entry.until_ns < place->until_ns) place = &entry;
    if (same) break;
  }
  *place = {hash, request.size(), until_ns};
  newest_ns_ = std::max(newest_ns_, until_ns);
}

bool RecentRequests::contain(std::span<const std::uint8_t> frame, std::int64_t now_ns) const noexcept {
  if (now_ns >= newest_ns_) return false;
  const std::uint64_t hash = hash_of(frame);
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return now_ns < entry.until_ns && entry.size == frame.size() && entry.hash == hash;
  });
}

std::size_t RecentRequests::longest(std::int64_t now_ns) const noexcept {
  std::size_t longest = 0;
  if (now_ns >= newest_ns_) return longest;
  for (const Entry& entry : entries_) {
    if (now_ns < entry.until_ns) longest = std::max(longest, entry.size);
  }
  return longest;
}

}  // namespace motorium
