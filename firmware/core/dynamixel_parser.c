#include <string.h>

#include "core/dynamixel.h"

enum { HEADER = 4, ID = 4, LENGTH = 5, INSTRUCTION = 7, PARAMETERS = 8, CRC = 2, BLOCK = 4 };

static const uint8_t kHeader[HEADER] = {0xFF, 0xFF, 0xFD, 0x00};

static uint16_t get16(const uint8_t* bytes) { return (uint16_t)(bytes[0] | (unsigned)bytes[1] << 8); }

void mtr_dxl_parser_clear(mtr_dxl_parser* parser) {
  parser->begin = 0;
  parser->end = 0;
}

size_t mtr_dxl_push(mtr_dxl_parser* parser, const uint8_t* bytes, size_t n) {
  const size_t held = (size_t)(parser->end - parser->begin);
  if (parser->begin > 0) {
    memmove(parser->bytes, parser->bytes + parser->begin, held);
    parser->begin = 0;
  }
  const size_t room = sizeof parser->bytes - held;
  const size_t taken = n < room ? n : room;
  if (taken > 0) memcpy(parser->bytes + held, bytes, taken);
  parser->end = (uint16_t)(held + taken);
  return taken;
}

/* Returns the offset of the first header, whole or cut off by the end, at or after `from`; n: none. */
static size_t find_header(const uint8_t* p, size_t n, size_t from) {
  for (size_t i = from; i < n; ++i) {
    const size_t left = n - i < HEADER ? n - i : HEADER;
    if (p[i] == kHeader[0] && memcmp(p + i, kHeader, left) == 0) return i;
  }
  return n;
}

/* Moves `begin` to the next possible header; returns the number of bytes from there on. */
static size_t seek_header(mtr_dxl_parser* parser) {
  const size_t held = (size_t)(parser->end - parser->begin);
  const size_t skipped = find_header(parser->bytes + parser->begin, held, 0);
  parser->begin = (uint16_t)(parser->begin + skipped);
  return held - skipped;
}

static bool is_fast(const uint8_t* p) {
  return p[ID] == MTR_DXL_BROADCAST && p[INSTRUCTION] == MTR_DXL_STATUS;
}

static bool is_possible(const mtr_dxl_parser* parser, const uint8_t* p) {
  const size_t length = get16(p + LENGTH);
  const size_t most = parser->max_length > 0 ? parser->max_length : MTR_DXL_MAX_PACKET;
  const bool known_id = p[ID] <= MTR_DXL_MAX_ID || p[ID] == MTR_DXL_BROADCAST;
  return known_id && length >= 1 + CRC && length <= most && length + INSTRUCTION <= MTR_DXL_MAX_PACKET;
}

/* Removes the FD that follows each FF FF FD; returns the new size. */
static size_t remove_stuffing(uint8_t* bytes, size_t n) {
  size_t kept = 0;
  unsigned ff = 0;
  for (size_t i = 0; i < n; ++i) {
    const uint8_t byte = bytes[i];
    bytes[kept++] = byte;
    if (byte == 0xFD && ff == 2 && i + 1 < n && bytes[i + 1] == 0xFD) ++i;
    ff = byte != 0xFF ? 0 : ff < 2 ? ff + 1 : 2;
  }
  return kept;
}

static void show(uint8_t* p, size_t length, mtr_dxl_view* view) {
  size_t n = length - CRC;
  if (!is_fast(p)) n = remove_stuffing(p + INSTRUCTION, n);
  const size_t skip = p[INSTRUCTION] == MTR_DXL_STATUS && !is_fast(p) && n > 1 ? 1 : 0;
  view->id = p[ID];
  view->instruction = p[INSTRUCTION];
  view->error = skip > 0 ? p[PARAMETERS] : 0;
  view->n_parameters = (uint16_t)(n - 1 - skip);
  view->parameters = p + PARAMETERS + skip;
}

mtr_dxl_event mtr_dxl_next(mtr_dxl_parser* parser, mtr_dxl_view* view) {
  const size_t n = seek_header(parser);
  uint8_t* p = parser->bytes + parser->begin;
  if (n < INSTRUCTION) return MTR_DXL_MORE;
  if (!is_possible(parser, p)) {
    parser->begin += 1;
    return MTR_DXL_BAD_LENGTH;
  }
  const size_t length = get16(p + LENGTH);
  if (n < length + INSTRUCTION) {
    /* Stuffing keeps headers out of packets: a second one means that this packet was cut short. */
    const size_t second = n > INSTRUCTION && !is_fast(p) ? find_header(p, n, INSTRUCTION) : n;
    if (n - second < HEADER) return MTR_DXL_MORE;
    parser->begin = (uint16_t)(parser->begin + second);
    return MTR_DXL_BAD_LENGTH;
  }
  if (mtr_dxl_crc(0, p, length + INSTRUCTION - CRC) != get16(p + length + INSTRUCTION - CRC)) {
    parser->begin += 1;
    return MTR_DXL_BAD_CRC;
  }
  parser->begin = (uint16_t)(parser->begin + INSTRUCTION + length);
  show(p, length, view);
  return MTR_DXL_GOOD;
}

bool mtr_dxl_give_up(mtr_dxl_parser* parser) {
  if (seek_header(parser) == 0) return false;
  parser->begin += 1;
  return seek_header(parser) > 0;
}

size_t mtr_dxl_fast_intact(mtr_dxl_parser* parser, size_t size) {
  const size_t n = seek_header(parser);
  const uint8_t* p = parser->bytes + parser->begin;
  if (n < PARAMETERS || !is_possible(parser, p) || !is_fast(p)) return 0;
  const size_t end = get16(p + LENGTH) + (size_t)INSTRUCTION;
  const size_t here = n < end ? n : end;
  size_t count = 0;
  uint16_t crc = mtr_dxl_crc(0, p, PARAMETERS);
  for (size_t at = PARAMETERS; at + BLOCK + size <= here; at += BLOCK + size, ++count) {
    crc = mtr_dxl_crc(crc, p + at, BLOCK - CRC + size);
    if (crc != get16(p + at + BLOCK - CRC + size)) break;
    crc = mtr_dxl_crc(crc, p + at + BLOCK - CRC + size, CRC);
  }
  return count;
}

static void show_block(const uint8_t* p, size_t size, mtr_dxl_view* block) {
  *block = (mtr_dxl_view){p[1], MTR_DXL_STATUS, p[0], (uint16_t)size, p + 2};
}

void mtr_dxl_fast_block(const mtr_dxl_parser* parser, size_t index, size_t size, mtr_dxl_view* block) {
  show_block(parser->bytes + parser->begin + PARAMETERS + index * (BLOCK + size), size, block);
}

size_t mtr_dxl_fast_next(const mtr_dxl_view* reply, size_t offset, size_t size, mtr_dxl_view* block) {
  /* The last block's CRC is the packet's own, outside the parameters. */
  if (offset > reply->n_parameters || size + BLOCK - CRC > reply->n_parameters - offset) return 0;
  show_block(reply->parameters + offset, size, block);
  return offset + BLOCK + size;
}
