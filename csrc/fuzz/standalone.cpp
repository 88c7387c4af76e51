// Feeds a fuzz target without libFuzzer: seeds given as files, mutated with a fixed random sequence.
// Usage: program RUNS SEED_FILE...
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

void mutate(Bytes& bytes, std::mt19937& source) {
  const auto below = [&source](std::size_t n) { return static_cast<std::size_t>(source()) % n; };
  static constexpr std::uint8_t kEdges[] = {0, 1, 2, 3, 4, 64, 127, 128, 254, 255};
  for (std::size_t count = below(6) + 1; count > 0 && !bytes.empty(); --count) {
    switch (below(5)) {
      case 0:
        bytes.resize(below(bytes.size()) + 1);
        break;
      case 1:
        bytes[below(bytes.size())] = static_cast<std::uint8_t>(source());
        break;
      case 2:
        bytes[below(bytes.size() < 32 ? bytes.size() : 32)] = kEdges[below(sizeof kEdges)];
        break;
      case 3: {
        const Bytes piece(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(below(bytes.size())));
        if (bytes.size() < 1 << 16) bytes.insert(bytes.end(), piece.begin(), piece.end());
        break;
      }
      default:
        bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(below(bytes.size())));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  std::vector<Bytes> seeds;
  for (int i = 2; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  std::mt19937 source(1);
  const long runs = std::atol(argv[1]);
  for (long run = 0; run < runs; ++run) {
    Bytes bytes = seeds[static_cast<std::size_t>(run) % seeds.size()];
    mutate(bytes, source);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::puts("ok");
  return 0;
}
