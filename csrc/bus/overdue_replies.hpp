#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace motorium {

/// Replies that were given up and may still come. Servos put no number on a reply: one that comes late looks
/// like the answer to the next request, unless its id or its length gives it away. Allocates when made.
class OverdueReplies {
 public:
  /// Any question; also the question of a request whose answer must not be an older one.
  static constexpr std::uint32_t kNew = 0;

  /// From `now_ns` to `until_ns` servo `id` may send a reply with `size` bytes of data to `question`.
  void expect(std::uint8_t id, std::size_t size, std::uint32_t question, std::int64_t now_ns,
              std::int64_t until_ns) noexcept;
  /// One has come that answers nothing asked since: where but one was missing, no more is to be expected.
  void came(std::uint8_t id, std::size_t size) noexcept {
    if (!at(id, size).several) at(id, size).until_ns = 0;
  }
  /// Whether a reply of this shape may, at `now_ns`, be one to another question than `question`.
  bool possible(std::uint8_t id, std::size_t size, std::uint32_t question,
                std::int64_t now_ns) const noexcept {
    return now_ns < newest_ns_ && at(id, size).pertains(question, now_ns);
  }
  /// The same for a reply of any size.
  bool possible(std::uint8_t id, std::uint32_t question, std::int64_t now_ns) const noexcept;
  /// Whether any servo may still send one.
  bool any(std::int64_t now_ns) const noexcept { return now_ns < newest_ns_; }
  /// When the last one can come, whoever sends it; in the past when all is clear.
  std::int64_t newest_ns() const noexcept { return newest_ns_; }
  /// When the last one of this shape can come.
  std::int64_t until_ns(std::uint8_t id, std::size_t size) const noexcept { return at(id, size).until_ns; }

 private:
  struct Entry {
    std::int64_t until_ns = 0;
    std::uint32_t question = kNew;
    bool several = false;
    bool pertains(std::uint32_t asked, std::int64_t now_ns) const noexcept {
      return now_ns < until_ns && (asked == kNew || asked != question);
    }
  };
  static constexpr std::size_t kIds = 256, kSizes = 16;  // sizes 16 apart are taken for one another: on the
                                                         // safe side

  Entry& at(std::uint8_t id, std::size_t size) const noexcept {
    return (*entries_)[id * kSizes + size % kSizes];
  }

  std::unique_ptr<std::array<Entry, kIds * kSizes>> entries_ =
      std::make_unique<std::array<Entry, kIds * kSizes>>();
  std::int64_t newest_ns_ = 0;
};

}  // namespace motorium
