// SpscRing against boost::lockfree::spsc_queue, in one process, burst by burst in turn.
//
// Compiled only on request: Boost is a peer for this comparison, and without its headers (-DMOTORIUM_BOOST
// absent) the ring runs alone. Prints one line per burst: "<contender> <what> <nanoseconds per operation>".
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#ifdef MOTORIUM_BOOST
#include <boost/lockfree/spsc_queue.hpp>
#endif

#include "motorium/spsc_ring.hpp"

namespace {

constexpr std::size_t kCapacity = 1024;
constexpr std::uint64_t kTransfers = 50'000, kRoundTrips = 2'000;

#ifndef MOTORIUM_ITEM_WORDS
#define MOTORIUM_ITEM_WORDS 7
#endif

/// A numbered item; seven words and the stamp of SpscRing fill one cache line.
struct Item {
  std::uint64_t number = 0;
#if MOTORIUM_ITEM_WORDS > 1
  std::uint64_t payload[MOTORIUM_ITEM_WORDS - 1] = {};
#endif
};

using Ours = motorium::SpscRing<Item, kCapacity>;

#ifdef MOTORIUM_BOOST
class Boost {
 public:
  bool try_push(const Item& item) { return queue_.push(item); }
  bool try_pop(Item& item) { return queue_.pop(item); }

 private:
  boost::lockfree::spsc_queue<Item, boost::lockfree::capacity<kCapacity>> queue_;
};
#endif

/// Makes two sides start each burst together; bursts of different contenders never overlap.
struct Gate {
  std::atomic<int> near{0}, far{0};
  void near_side(int burst) {
    while (far.load() < burst) {
    }
    near.store(burst);
  }
  void far_side(int burst) {
    far.store(burst);
    while (near.load() < burst) {
    }
  }
};

template <class Queue>
struct Contender {
  Queue there, back;

  /// Pushes everything; the time ends when the other side has taken everything.
  double send() {
    const auto begin = std::chrono::steady_clock::now();
    Item item;
    for (item.number = 0; item.number < kTransfers; ++item.number)
      while (!there.try_push(item)) {
      }
    while (!back.try_pop(item)) {
    }
    return since(begin) / static_cast<double>(kTransfers);
  }
  void receive() {
    Item item;
    for (std::uint64_t i = 0; i < kTransfers; ++i) {
      while (!there.try_pop(item)) {
      }
      if (item.number != i) std::abort();
    }
    back.try_push(item);
  }
  double ping() {
    const auto begin = std::chrono::steady_clock::now();
    Item item;
    for (std::uint64_t i = 0; i < kRoundTrips; ++i) {
      there.try_push(item);
      while (!back.try_pop(item)) {
      }
    }
    return since(begin) / static_cast<double>(kRoundTrips);
  }
  void pong() {
    Item item;
    for (std::uint64_t i = 0; i < kRoundTrips; ++i) {
      while (!there.try_pop(item)) {
      }
      back.try_push(item);
    }
  }
  static double since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
  }
};

void pin_to(int which) {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2) return;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &allowed) && which-- == 0) {
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(cpu, &one);
      ::pthread_setaffinity_np(::pthread_self(), sizeof one, &one);
      return;
    }
}

template <class Queue>
void near_bursts(const char* name, Contender<Queue>& contender, Gate& gate, int& burst) {
  gate.near_side(++burst);
  std::printf("%s transfer %.3f\n", name, contender.send());
  gate.near_side(++burst);
  std::printf("%s round_trip %.3f\n", name, contender.ping());
}

template <class Queue>
void far_bursts(Contender<Queue>& contender, Gate& gate, int& burst) {
  gate.far_side(++burst);
  contender.receive();
  gate.far_side(++burst);
  contender.pong();
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 100;
  const auto ours = std::make_unique<Contender<Ours>>();
#ifdef MOTORIUM_BOOST
  const auto boost = std::make_unique<Contender<Boost>>();
#endif
  Gate gate;
  std::thread far([&] {
    pin_to(1);
    for (int round = 0, burst = 0; round < rounds; ++round) {
      far_bursts(*ours, gate, burst);
#ifdef MOTORIUM_BOOST
      far_bursts(*boost, gate, burst);
#endif
    }
  });
  pin_to(0);
  for (int round = 0, burst = 0; round < rounds; ++round) {
    near_bursts("motorium", *ours, gate, burst);
#ifdef MOTORIUM_BOOST
    near_bursts("boost", *boost, gate, burst);
#endif
  }
  far.join();
}
