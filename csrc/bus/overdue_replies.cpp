#include "bus/overdue_replies.hpp"

#include <algorithm>

namespace motorium {

void OverdueReplies::expect(std::uint8_t id, std::size_t size, std::uint32_t question, std::int64_t now_ns,
                            std::int64_t until_ns) noexcept {
  Entry& entry = at(id, size);
  entry.several = now_ns < entry.until_ns;
  entry.question = entry.pertains(question, now_ns) ? kNew : question;
  entry.until_ns = std::max(entry.until_ns, until_ns);
  newest_ns_ = std::max(newest_ns_, until_ns);
}

bool OverdueReplies::possible(std::uint8_t id, std::uint32_t question, std::int64_t now_ns) const noexcept {
  if (now_ns >= newest_ns_) return false;
  const Entry* const first = &at(id, 0);
  return std::any_of(first, first + kSizes,
                     [&](const Entry& entry) { return entry.pertains(question, now_ns); });
}

}  // namespace motorium
