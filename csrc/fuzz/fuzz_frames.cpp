// Untrusted memory as a ring of camera frames: must be refused, or read and written within its bounds.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "motorium/shared_frames.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace motorium;
  // A block of exactly this size, so that an access outside is noticed; std::aligned_alloc needs whole units.
  const std::size_t bytes = size / frames::kAlign * frames::kAlign;
  if (bytes == 0) return 0;
  auto* block = static_cast<unsigned char*>(std::aligned_alloc(frames::kAlign, bytes));
  if (block == nullptr) return 0;
  std::memcpy(block, data, bytes);
  const std::span<unsigned char> memory(block, bytes);
  FrameReader reader;
  if (reader.attach(memory) == FrameStatus::ok) {
    if (frames::total_bytes(reader.shape()) > bytes) std::abort();
    std::vector<unsigned char> frame(frames::frame_bytes(reader.shape()));
    FrameStamp stamp;
    reader.read(frame, stamp);
    FrameWriter writer;
    if (writer.resume(memory) != FrameStatus::ok || writer.write(frame, 1) != FrameStatus::ok) std::abort();
    if (reader.read(frame, stamp) != FrameStatus::ok && writer.number() != 0) std::abort();
  }
  std::free(block);
  return 0;
}
