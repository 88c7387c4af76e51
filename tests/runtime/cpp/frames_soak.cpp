// Camera frames through shared memory: between threads (under ThreadSanitizer), and between processes of
// which the writer is killed again and again in the middle of a frame. Argument: frames and kills, in
// thousands and ones.

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "motorium/shared_frames.hpp"

namespace {

using namespace motorium;

constexpr FrameShape kSmall{41, 17, 1, 4};  // 697 bytes: the last word is not full
constexpr FrameShape kLarge{120, 160, 3, 4};

int fail(const char* what) {
  std::printf("FAILED %s\n", what);
  return 1;
}

std::span<unsigned char> shared_memory(const FrameShape& shape) {
  const std::size_t bytes = frames::total_bytes(shape);
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::exit(fail("no shared memory"));
  return {static_cast<unsigned char*>(memory), bytes};
}

unsigned char shade(std::uint64_t number) { return static_cast<unsigned char>(number % 251); }

void write_next(FrameWriter& writer, std::vector<unsigned char>& frame) {
  const std::uint64_t number = writer.number() + 1;
  std::fill(frame.begin(), frame.end(), shade(number));
  if (writer.write(frame, static_cast<std::int64_t>(3 * number)) != FrameStatus::ok) std::abort();
}

/// Reads the newest frame; false when it is not whole, or older than `last`.
bool whole(const FrameReader& reader, std::vector<unsigned char>& frame, std::uint64_t& last) {
  FrameStamp stamp;
  const FrameStatus status = reader.read(frame, stamp);
  if (status == FrameStatus::empty && last == 0) return true;
  if (status != FrameStatus::ok || stamp.number < last) return false;
  last = stamp.number;
  for (const unsigned char byte : frame)
    if (byte != shade(last)) return false;
  return stamp.t_ns == static_cast<std::int64_t>(3 * last);
}

int between_threads(std::uint64_t count) {
  const auto memory = shared_memory(kSmall);
  FrameWriter writer;
  FrameReader reader;
  if (writer.format(memory, kSmall) != FrameStatus::ok || reader.attach(memory) != FrameStatus::ok)
    return fail("a new ring was refused");
  std::thread thread([&] {
    std::vector<unsigned char> frame(frames::frame_bytes(kSmall));
    while (writer.number() < count) write_next(writer, frame);
  });
  std::vector<unsigned char> frame(frames::frame_bytes(kSmall));
  std::uint64_t last = 0;
  bool good = true;
  while (good && last < count) good = whole(reader, frame, last);
  thread.join();
  return good ? 0 : fail("torn or backwards between threads");
}

[[noreturn]] void write_until_killed(std::span<unsigned char> memory) {
  FrameWriter writer;
  if (writer.resume(memory) != FrameStatus::ok) std::_Exit(1);
  std::vector<unsigned char> frame(frames::frame_bytes(kLarge));
  for (;;) write_next(writer, frame);
}

/// True when the slot after the newest was being written.
bool died_inside(std::span<unsigned char> memory, std::uint64_t newest) {
  frames::Places places;
  return frames::find(memory, places) == FrameStatus::ok && places.slot(newest + 1).stamp % 2 == 1;
}

int between_processes(int kills) {
  const auto memory = shared_memory(kLarge);
  FrameWriter().format(memory, kLarge);
  FrameReader reader;
  if (reader.attach(memory) != FrameStatus::ok) return fail("a new ring was refused");
  std::vector<unsigned char> frame(frames::frame_bytes(kLarge));
  std::uint64_t last = 0;
  int inside = 0;
  for (int kill_number = 0; kill_number < kills; ++kill_number) {
    const pid_t child = ::fork();
    if (child == 0) write_until_killed(memory);
    const std::uint64_t enough = last + 5;
    bool good = true;
    while (good && last < enough) good = whole(reader, frame, last);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    if (!good) return fail("torn, lost or backwards between processes");
    if (!whole(reader, frame, last)) return fail("the last whole frame of a dead writer");
    inside += died_inside(memory, last);
  }
  return inside > 0 ? 0 : fail("no writer was killed inside a frame: nothing was proved");
}

}  // namespace

int main(int argc, char** argv) {
  const int scale = argc > 1 ? std::atoi(argv[1]) : 40;
  int bad = between_processes(scale);  // first: a process with threads does not fork well
  bad += between_threads(static_cast<std::uint64_t>(scale) * 1000);
  if (bad == 0) std::printf("ok\n");
  return bad != 0;
}
