// Two threads hammer each hand-over; every value carries a check of itself. Run under ThreadSanitizer.
// Argument: values per hand-over, in thousands.

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "motorium/history_ring.hpp"
#include "motorium/latest_slot.hpp"
#include "motorium/spsc_ring.hpp"

namespace {

struct Item {
  std::uint64_t number = 0;
  std::array<std::uint64_t, 9> copies{};

  static Item make(std::uint64_t number) {
    Item item{number, {}};
    item.copies.fill(number * 3 + 1);
    return item;
  }
  bool whole() const {
    for (const std::uint64_t copy : copies)
      if (copy != number * 3 + 1) return false;
    return true;
  }
};

int fail(const char* what) {
  std::printf("FAILED %s\n", what);
  return 1;
}

int spsc(std::uint64_t count) {
  static motorium::SpscRing<Item, 64> ring;
  std::thread producer([&] {
    for (std::uint64_t i = 0; i < count; ++i)
      while (!ring.try_push(Item::make(i))) std::this_thread::yield();
  });
  int bad = 0;
  Item item;
  for (std::uint64_t i = 0; i < count; ++i) {
    while (!ring.try_pop(item)) std::this_thread::yield();
    bad += item.number != i || !item.whole();
  }
  producer.join();
  return bad || ring.try_pop(item) ? fail("SpscRing: lost, repeated or torn") : 0;
}

template <class Publish, class Read>
int newest(std::uint64_t count, const char* name, Publish publish, Read read) {
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::uint64_t i = 1; i <= count; ++i) publish(Item::make(i));
    done.store(true);
  });
  int bad = 0;
  std::uint64_t last = 0;
  while (last < count) {
    const bool was_done = done.load();
    const Item item = read();
    if (item.number == 0) continue;  // nothing published yet
    bad += !item.whole() || item.number < last;
    last = item.number;
    if (was_done && last != count) bad += 1;  // the newest value must be what is seen after the last publish
    if (bad) break;
  }
  writer.join();
  return bad ? fail(name) : 0;
}

int history(std::uint64_t count) {
  static motorium::HistoryRing<Item> ring(32);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < count; ++i) ring.push(Item::make(i));
    done.store(true);
  });
  int bad = 0;
  std::uint64_t got = 0;
  Item item;
  while (!done.load() || got == 0) {
    for (std::uint64_t i = ring.begin(); i < ring.end(); ++i)
      if (ring.get(i, item)) {
        ++got;
        bad += item.number != i || !item.whole();
      }
  }
  writer.join();
  bad += ring.end() != count || ring.begin() != count - ring.capacity();
  for (std::uint64_t i = ring.begin(); i < ring.end(); ++i) bad += !ring.get(i, item) || item.number != i;
  bad += ring.get(ring.begin() - 1, item) || ring.get(ring.end(), item);
  return bad ? fail("HistoryRing: torn, misplaced or missing") : 0;
}

/// Full, empty and the way round, by one thread.
int spsc_alone() {
  motorium::SpscRing<Item, 4> ring;
  Item item = Item::make(99);
  int bad = ring.try_pop(item) || item.number != 99;  // empty: nothing is touched
  for (std::uint64_t lap = 0; lap < 5; ++lap) {
    for (std::uint64_t i = 0; i < 4; ++i) bad += !ring.try_push(Item::make(4 * lap + i));
    bad += ring.try_push(Item::make(7));  // full: nothing is stored
    for (std::uint64_t i = 0; i < 4; ++i) bad += !ring.try_pop(item) || item.number != 4 * lap + i;
    bad += ring.try_pop(item);
  }
  return bad ? fail("SpscRing: full, empty or order") : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t kCount = (argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100) * 1000;
  static motorium::LatestSlot<Item> slot;
  static motorium::TripleBuffer<Item> triple;
  int bad = spsc_alone() + spsc(kCount);
  bad += newest(
      kCount, "LatestSlot: torn, stale or backwards", [](const Item& item) { slot.publish(item); },
      [] { return slot.read(); });
  bad += newest(
      kCount, "TripleBuffer: torn, stale or backwards",
      [](const Item& item) {
        triple.write_slot() = item;
        triple.publish();
      },
      [] {
        triple.refresh();
        return triple.current();
      });
  bad += history(kCount);
  if (bad == 0) std::printf("ok\n");
  return bad != 0;
}
