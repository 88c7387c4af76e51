#include "core/feetech.h"

#include <string.h>

static uint8_t checksum(const uint8_t* packet, size_t n) {
  uint32_t sum = 0;
  for (size_t i = 2; i < n; ++i) sum += packet[i];
  return (uint8_t)~sum;
}

/* Finishes a packet whose parameters already lie at out + 5. */
static size_t seal(uint8_t* out, uint8_t id, uint8_t instruction, size_t n_parameters) {
  out[0] = 0xFF;
  out[1] = 0xFF;
  out[2] = id;
  out[3] = (uint8_t)(n_parameters + 2);
  out[4] = instruction;
  out[5 + n_parameters] = checksum(out, 5 + n_parameters);
  return n_parameters + 6;
}

static int fits(size_t capacity, uint8_t id, size_t n_parameters) {
  return id <= MTR_FT_BROADCAST && n_parameters <= MTR_FT_MAX_PARAMETERS && capacity >= n_parameters + 6;
}

size_t mtr_ft_packet(uint8_t* out, size_t capacity, uint8_t id, uint8_t instruction,
                     const uint8_t* parameters, size_t n_parameters) {
  if (!fits(capacity, id, n_parameters)) return 0;
  if (n_parameters > 0) memcpy(out + 5, parameters, n_parameters);
  return seal(out, id, instruction, n_parameters);
}

size_t mtr_ft_ping(uint8_t* out, size_t capacity, uint8_t id) {
  return mtr_ft_packet(out, capacity, id, MTR_FT_PING, NULL, 0);
}

size_t mtr_ft_read(uint8_t* out, size_t capacity, uint8_t id, uint8_t address, uint8_t size) {
  const uint8_t parameters[2] = {address, size};
  return mtr_ft_packet(out, capacity, id, MTR_FT_READ, parameters, 2);
}

size_t mtr_ft_write(uint8_t* out, size_t capacity, uint8_t id, uint8_t address, const uint8_t* data,
                    size_t size) {
  if (size < 1 || !fits(capacity, id, size + 1)) return 0;
  out[5] = address;
  memcpy(out + 6, data, size);
  return seal(out, id, MTR_FT_WRITE, size + 1);
}

size_t mtr_ft_sync_read(uint8_t* out, size_t capacity, const uint8_t* ids, size_t n_ids, uint8_t address,
                        uint8_t size) {
  if (n_ids < 1 || !fits(capacity, MTR_FT_BROADCAST, n_ids + 2)) return 0;
  out[5] = address;
  out[6] = size;
  memcpy(out + 7, ids, n_ids);
  return seal(out, MTR_FT_BROADCAST, MTR_FT_SYNC_READ, n_ids + 2);
}

size_t mtr_ft_sync_write(uint8_t* out, size_t capacity, const uint8_t* ids, size_t n_ids, uint8_t address,
                         uint8_t size, const uint8_t* data) {
  if (n_ids < 1 || size < 1 || n_ids > MTR_FT_MAX_PARAMETERS) return 0;
  const size_t n_parameters = 2 + n_ids * (1u + size);
  if (!fits(capacity, MTR_FT_BROADCAST, n_parameters)) return 0;
  out[5] = address;
  out[6] = size;
  uint8_t* row = out + 7;
  for (size_t i = 0; i < n_ids; ++i, row += 1u + size) {
    row[0] = ids[i];
    memcpy(row + 1, data + i * size, size);
  }
  return seal(out, MTR_FT_BROADCAST, MTR_FT_SYNC_WRITE, n_parameters);
}

void mtr_ft_parser_clear(mtr_ft_parser* parser) {
  parser->begin = 0;
  parser->end = 0;
}

size_t mtr_ft_push(mtr_ft_parser* parser, const uint8_t* bytes, size_t n) {
  const size_t held = (size_t)(parser->end - parser->begin);
  if (parser->begin > 0) {
    memmove(parser->bytes, parser->bytes + parser->begin, held);
    parser->begin = 0;
    parser->end = (uint16_t)held;
  }
  const size_t room = sizeof parser->bytes - held;
  const size_t taken = n < room ? n : room;
  if (taken > 0) memcpy(parser->bytes + held, bytes, taken);
  parser->end = (uint16_t)(held + taken);
  return taken;
}

/* Moves `begin` to the next possible FF FF ID; an ID of FF means the header starts one byte later. */
static void seek_header(mtr_ft_parser* parser) {
  while (parser->begin < parser->end) {
    const uint8_t* p = parser->bytes + parser->begin;
    const size_t n = (size_t)(parser->end - parser->begin);
    if (p[0] == 0xFF && (n < 2 || p[1] == 0xFF) && (n < 3 || p[2] != 0xFF)) return;
    parser->begin += 1;
  }
}

mtr_ft_event mtr_ft_next(mtr_ft_parser* parser, mtr_ft_view* view) {
  seek_header(parser);
  const uint8_t* p = parser->bytes + parser->begin;
  const size_t n = (size_t)(parser->end - parser->begin);
  if (n < 4) return MTR_FT_MORE;
  const size_t length = p[3];
  if (length < 2 || (parser->max_parameters > 0 && length > parser->max_parameters + 2u)) {
    parser->begin += 1;
    return MTR_FT_BAD_LENGTH;
  }
  if (n < length + 4) return MTR_FT_MORE;
  if (checksum(p, length + 3) != p[length + 3]) {
    parser->begin += 1;
    return MTR_FT_BAD_CHECKSUM;
  }
  view->id = p[2];
  view->instruction = p[4];
  view->n_parameters = (uint8_t)(length - 2);
  view->parameters = p + 5;
  parser->begin = (uint16_t)(parser->begin + length + 4);
  return MTR_FT_GOOD;
}

uint16_t mtr_ft_get16(const uint8_t* bytes) { return (uint16_t)(bytes[0] | (unsigned)bytes[1] << 8); }

void mtr_ft_put16(uint8_t* bytes, uint16_t value) {
  bytes[0] = (uint8_t)(value & 0xFF);
  bytes[1] = (uint8_t)(value >> 8);
}

uint16_t mtr_ft_get16_high_first(const uint8_t* bytes) {
  return (uint16_t)(bytes[1] | (unsigned)bytes[0] << 8);
}

void mtr_ft_put16_high_first(uint8_t* bytes, uint16_t value) {
  bytes[0] = (uint8_t)(value >> 8);
  bytes[1] = (uint8_t)(value & 0xFF);
}

int32_t mtr_ft_decode_signed(uint16_t raw, unsigned sign_bit) {
  const int32_t magnitude = raw & ((1 << sign_bit) - 1);
  return (raw >> sign_bit) & 1 ? -magnitude : magnitude;
}

uint16_t mtr_ft_encode_signed(int32_t value, unsigned sign_bit) {
  const int64_t most = (1 << sign_bit) - 1;
  int64_t magnitude = value < 0 ? -(int64_t)value : value;
  if (magnitude > most) magnitude = most;
  return (uint16_t)(magnitude | (value < 0 ? 1 << sign_bit : 0));
}
