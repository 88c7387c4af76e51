/* Fuzz target for both packet parsers. The first input byte picks the protocol and the bound on lengths, the
 * second how the stream is cut into pieces. Built with libFuzzer, or with MTR_FUZZ_STANDALONE for a driver
 * that makes its own inputs: random bytes with many headers, and whole packets with damage.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Ifirmware -o fuzz_parsers firmware/fuzz/parsers.c \
 *     firmware/core/feetech.c firmware/core/dynamixel.c firmware/core/dynamixel_parser.c
 *   ./fuzz_parsers -runs=10000000
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/dynamixel.h"
#include "core/feetech.h"

static void must(int holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "contract violated: %s\n", what);
  abort();
}

/* The builders must reproduce a packet that the parser found: framing it again gives the same bytes. */
static void feetech_packet(const mtr_ft_view* view) {
  uint8_t again[MTR_FT_MAX_PACKET];
  const size_t n =
      mtr_ft_packet(again, sizeof again, view->id, view->instruction, view->parameters, view->n_parameters);
  must(n == (size_t)view->n_parameters + 6, "a Feetech packet frames again");
  must(memcmp(again + 5, view->parameters, view->n_parameters) == 0, "its parameters are the same");
}

static void feetech(const uint8_t* bytes, size_t n, size_t piece, uint8_t most) {
  mtr_ft_parser parser;
  memset(&parser, 0, sizeof parser);
  parser.max_parameters = most;
  while (n > 0) {
    const size_t taken = mtr_ft_push(&parser, bytes, n < piece ? n : piece);
    must(taken > 0, "the parser takes at least one byte");
    bytes += taken;
    n -= taken;
    mtr_ft_view view;
    for (mtr_ft_event event = mtr_ft_next(&parser, &view); event != MTR_FT_MORE;
         event = mtr_ft_next(&parser, &view)) {
      if (event == MTR_FT_GOOD) feetech_packet(&view);
    }
  }
}

static void dynamixel_packet(const mtr_dxl_view* view) {
  uint8_t again[2 * MTR_DXL_MAX_PACKET];
  mtr_dxl_view block;
  must(view->n_parameters <= MTR_DXL_MAX_PACKET, "a packet fits the buffer");
  if (view->id == MTR_DXL_BROADCAST && view->instruction == MTR_DXL_STATUS) {
    for (size_t at = 0, rounds = 0; (at = mtr_dxl_fast_next(view, at, 4, &block)) != 0; ++rounds) {
      must(rounds <= MTR_DXL_MAX_PACKET, "blocks end");
      must(block.parameters + 4 <= view->parameters + view->n_parameters, "blocks lie inside their packet");
    }
    return;
  }
  const size_t n =
      mtr_dxl_packet(again, sizeof again, view->id, view->instruction, view->parameters, view->n_parameters);
  (void)n; /* larger than the wire allows when a sender left out the stuffing */
}

static void dynamixel(const uint8_t* bytes, size_t n, size_t piece, uint8_t most) {
  static mtr_dxl_parser parser;
  memset(&parser, 0, sizeof parser);
  parser.max_length = most;
  mtr_dxl_view view;
  while (n > 0) {
    const size_t taken = mtr_dxl_push(&parser, bytes, n < piece ? n : piece);
    must(taken > 0, "the parser takes at least one byte");
    bytes += taken;
    n -= taken;
    const size_t intact = mtr_dxl_fast_intact(&parser, 4);
    for (size_t i = 0; i < intact; ++i) {
      mtr_dxl_fast_block(&parser, i, 4, &view);
      must(view.parameters + 4 <= parser.bytes + parser.end, "intact blocks have arrived");
    }
    for (mtr_dxl_event event = mtr_dxl_next(&parser, &view); event != MTR_DXL_MORE;
         event = mtr_dxl_next(&parser, &view)) {
      if (event == MTR_DXL_GOOD) dynamixel_packet(&view);
    }
  }
  for (size_t rounds = 0; mtr_dxl_give_up(&parser); ++rounds) {
    must(rounds <= MTR_DXL_MAX_PACKET, "giving up ends");
    while (mtr_dxl_next(&parser, &view) != MTR_DXL_MORE) continue;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t piece = 1 + data[1] % 64;
  if (data[0] & 1) {
    feetech(data + 2, size - 2, piece, data[0] >> 1);
  } else {
    dynamixel(data + 2, size - 2, piece, data[0] >> 1);
  }
  return 0;
}

#ifdef MTR_FUZZ_STANDALONE

static uint32_t next_random(uint32_t* state) { /* xorshift32 */
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

static size_t make_input(uint32_t* state, uint8_t* out, size_t capacity) {
  static const uint8_t pieces[][8] = {{0xFF, 0xFF, 0xFD, 0x00, 0x01, 0x08, 0x00, 0x55},
                                      {0xFF, 0xFF, 0x01, 0x04},
                                      {0xFF, 0xFF, 0xFD, 0xFD},
                                      {0xFF, 0xFF, 0xFD, 0x00, 0xFE, 0x19, 0x00, 0x55}};
  size_t n = 0;
  while (n + 64 < capacity && next_random(state) % 6 != 0) {
    uint8_t data[12];
    for (size_t i = 0; i < sizeof data; ++i)
      data[i] = next_random(state) % 3 ? 0xFF : (uint8_t)next_random(state);
    const uint8_t id = (uint8_t)next_random(state);
    const size_t size = next_random(state) % sizeof data;
    const size_t before = n;
    switch (next_random(state) % 4) {
      case 0:
        n += mtr_dxl_status(out + n, capacity - n, id, 0, data, size);
        break;
      case 1:
        n += mtr_ft_packet(out + n, capacity - n, id, 0, data, size);
        break;
      case 2:
        memcpy(out + n, pieces[next_random(state) % 4], 8);
        n += 8;
        break;
      default:
        memcpy(out + n, data, size);
        n += size;
    }
    if (n > before && next_random(state) % 3 == 0) {
      out[before + next_random(state) % (n - before)] ^= (uint8_t)next_random(state);
    }
  }
  return n;
}

/* Runs every line of hexadecimal digits in a file; returns how many, or -1 when it cannot be read. */
static long replay(const char* path) {
  FILE* file = fopen(path, "r");
  if (file == NULL) return -1;
  static char line[4096];
  long runs = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    uint8_t input[sizeof line / 2];
    size_t n = 0;
    unsigned byte = 0;
    while (sscanf(line + 2 * n, "%2x", &byte) == 1) input[n++] = (uint8_t)byte;
    LLVMFuzzerTestOneInput(input, n);
    runs += 1;
  }
  fclose(file);
  return runs;
}

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "corpus") == 0) {
    const long replayed = replay(argv[2]);
    printf("%ld inputs\n", replayed);
    return replayed > 0 ? 0 : 1;
  }
  const long runs = argc > 1 ? atol(argv[1]) : 100000;
  uint32_t state = argc > 2 ? (uint32_t)atol(argv[2]) : 1;
  uint8_t input[600];
  for (long i = 0; i < runs; ++i) {
    input[0] = (uint8_t)next_random(&state);
    input[1] = (uint8_t)next_random(&state);
    LLVMFuzzerTestOneInput(input, 2 + make_input(&state, input + 2, sizeof input - 2));
  }
  printf("%ld inputs\n", runs);
  return 0;
}

#endif
