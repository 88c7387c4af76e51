#include "core/dynamixel.h"

#include <string.h>

enum { LENGTH = 5, INSTRUCTION = 7, CRC = 2, BLOCK = 4 };

uint16_t mtr_dxl_crc(uint16_t crc, const uint8_t* bytes, size_t n) {
  static const uint16_t table[16] = {/* one nibble at a time: small enough for a microcontroller */
                                     0x0000, 0x8005, 0x800F, 0x000A, 0x801B, 0x001E, 0x0014, 0x8011,
                                     0x8033, 0x0036, 0x003C, 0x8039, 0x0028, 0x802D, 0x8027, 0x0022};
  for (size_t i = 0; i < n; ++i) {
    crc = (uint16_t)((crc << 4) ^ table[((crc >> 12) ^ (bytes[i] >> 4)) & 0xF]);
    crc = (uint16_t)((crc << 4) ^ table[((crc >> 12) ^ bytes[i]) & 0xF]);
  }
  return crc;
}

static void set16(uint8_t* bytes, uint16_t value) {
  bytes[0] = (uint8_t)(value & 0xFF);
  bytes[1] = (uint8_t)(value >> 8);
}

static void emit(mtr_dxl_writer* writer, uint8_t byte) {
  if (writer->n < writer->capacity && writer->n < MTR_DXL_MAX_PACKET) {
    writer->out[writer->n++] = byte;
  } else {
    writer->ok = false;
  }
}

void mtr_dxl_begin(mtr_dxl_writer* writer, uint8_t* out, size_t capacity, uint8_t id, uint8_t instruction) {
  const uint8_t head[INSTRUCTION] = {0xFF, 0xFF, 0xFD, 0x00, id, 0, 0};
  *writer = (mtr_dxl_writer){out, capacity, 0, 0, id <= MTR_DXL_MAX_ID || id == MTR_DXL_BROADCAST, false};
  for (size_t i = 0; i < sizeof head; ++i) emit(writer, head[i]);
  mtr_dxl_put(writer, &instruction, 1);
}

void mtr_dxl_put(mtr_dxl_writer* writer, const uint8_t* bytes, size_t n) {
  for (size_t i = 0; i < n && writer->ok; ++i) {
    emit(writer, bytes[i]);
    if (bytes[i] == 0xFD && writer->ff == 2 && !writer->plain) emit(writer, 0xFD);
    writer->ff = bytes[i] != 0xFF ? 0 : writer->ff < 2 ? (uint8_t)(writer->ff + 1) : 2;
  }
}

void mtr_dxl_put16(mtr_dxl_writer* writer, uint16_t value) {
  uint8_t bytes[2];
  set16(bytes, value);
  mtr_dxl_put(writer, bytes, 2);
}

size_t mtr_dxl_end(mtr_dxl_writer* writer) {
  if (!writer->ok || writer->n + CRC > writer->capacity || writer->n + CRC > MTR_DXL_MAX_PACKET) return 0;
  set16(writer->out + LENGTH, (uint16_t)(writer->n + CRC - INSTRUCTION));
  set16(writer->out + writer->n, mtr_dxl_crc(0, writer->out, writer->n));
  return writer->n + CRC;
}

size_t mtr_dxl_packet(uint8_t* out, size_t capacity, uint8_t id, uint8_t instruction,
                      const uint8_t* parameters, size_t n_parameters) {
  mtr_dxl_writer writer;
  mtr_dxl_begin(&writer, out, capacity, id, instruction);
  mtr_dxl_put(&writer, parameters, n_parameters);
  return mtr_dxl_end(&writer);
}

size_t mtr_dxl_status(uint8_t* out, size_t capacity, uint8_t id, uint8_t error, const uint8_t* parameters,
                      size_t n_parameters) {
  mtr_dxl_writer writer;
  mtr_dxl_begin(&writer, out, capacity, id, MTR_DXL_STATUS);
  mtr_dxl_put(&writer, &error, 1);
  mtr_dxl_put(&writer, parameters, n_parameters);
  return mtr_dxl_end(&writer);
}

size_t mtr_dxl_ping(uint8_t* out, size_t capacity, uint8_t id) {
  return mtr_dxl_packet(out, capacity, id, MTR_DXL_PING, NULL, 0);
}

size_t mtr_dxl_reboot(uint8_t* out, size_t capacity, uint8_t id) {
  return mtr_dxl_packet(out, capacity, id, MTR_DXL_REBOOT, NULL, 0);
}

size_t mtr_dxl_clear_turns(uint8_t* out, size_t capacity, uint8_t id) {
  static const uint8_t fixed[] = {0x01, 0x44, 0x58, 0x4C, 0x22};
  return mtr_dxl_packet(out, capacity, id, MTR_DXL_CLEAR, fixed, sizeof fixed);
}

static void open_range(mtr_dxl_writer* writer, uint16_t address, size_t size) {
  writer->ok = writer->ok && size > 0 && size <= MTR_DXL_MAX_PACKET;
  mtr_dxl_put16(writer, address);
  mtr_dxl_put16(writer, (uint16_t)size);
}

size_t mtr_dxl_read(uint8_t* out, size_t capacity, uint8_t id, uint16_t address, uint16_t size) {
  mtr_dxl_writer writer;
  mtr_dxl_begin(&writer, out, capacity, id, MTR_DXL_READ);
  open_range(&writer, address, size);
  return mtr_dxl_end(&writer);
}

size_t mtr_dxl_write(uint8_t* out, size_t capacity, uint8_t id, uint8_t instruction, uint16_t address,
                     const uint8_t* data, size_t size) {
  mtr_dxl_writer writer;
  mtr_dxl_begin(&writer, out, capacity, id, instruction);
  mtr_dxl_put16(&writer, address);
  mtr_dxl_put(&writer, data, size);
  return size > 0 ? mtr_dxl_end(&writer) : 0;
}

size_t mtr_dxl_sync_read(uint8_t* out, size_t capacity, uint8_t instruction, const uint8_t* ids, size_t n_ids,
                         uint16_t address, uint16_t size) {
  mtr_dxl_writer writer;
  mtr_dxl_begin(&writer, out, capacity, MTR_DXL_BROADCAST, instruction);
  open_range(&writer, address, size);
  mtr_dxl_put(&writer, ids, n_ids);
  return n_ids > 0 ? mtr_dxl_end(&writer) : 0;
}

size_t mtr_dxl_sync_write(uint8_t* out, size_t capacity, const uint8_t* ids, size_t n_ids, uint16_t address,
                          uint16_t size, const uint8_t* data) {
  mtr_dxl_writer writer;
  mtr_dxl_begin(&writer, out, capacity, MTR_DXL_BROADCAST, MTR_DXL_SYNC_WRITE);
  open_range(&writer, address, size);
  for (size_t i = 0; i < n_ids && writer.ok; ++i) {
    mtr_dxl_put(&writer, &ids[i], 1);
    mtr_dxl_put(&writer, data + i * size, size);
  }
  return n_ids > 0 ? mtr_dxl_end(&writer) : 0;
}

static size_t bulk(mtr_dxl_writer* writer, const mtr_dxl_item* items, size_t n_items, bool with_data) {
  for (size_t i = 0; i < n_items && writer->ok; ++i) {
    mtr_dxl_put(writer, &items[i].id, 1);
    open_range(writer, items[i].address, items[i].size);
    if (with_data) mtr_dxl_put(writer, items[i].data, items[i].size);
  }
  return n_items > 0 ? mtr_dxl_end(writer) : 0;
}

size_t mtr_dxl_bulk_read(uint8_t* out, size_t capacity, uint8_t instruction, const mtr_dxl_item* items,
                         size_t n_items) {
  mtr_dxl_writer writer;
  mtr_dxl_begin(&writer, out, capacity, MTR_DXL_BROADCAST, instruction);
  return bulk(&writer, items, n_items, false);
}

size_t mtr_dxl_bulk_write(uint8_t* out, size_t capacity, const mtr_dxl_item* items, size_t n_items) {
  mtr_dxl_writer writer;
  mtr_dxl_begin(&writer, out, capacity, MTR_DXL_BROADCAST, MTR_DXL_BULK_WRITE);
  return bulk(&writer, items, n_items, true);
}

void mtr_dxl_begin_fast(mtr_dxl_writer* writer, uint8_t* out, size_t capacity, size_t n_blocks,
                        size_t total) {
  mtr_dxl_begin(writer, out, capacity, MTR_DXL_BROADCAST, MTR_DXL_STATUS);
  writer->plain = true;
  const size_t length = 1 + n_blocks * BLOCK + total; /* known from the request alone */
  writer->ok = writer->ok && n_blocks > 0 && length + INSTRUCTION <= MTR_DXL_MAX_PACKET;
  if (writer->ok) set16(out + LENGTH, (uint16_t)length);
}

size_t mtr_dxl_put_block(mtr_dxl_writer* writer, uint8_t id, uint8_t error, const uint8_t* data,
                         size_t size) {
  const uint8_t head[2] = {error, id};
  mtr_dxl_put(writer, head, 2);
  mtr_dxl_put(writer, data, size);
  mtr_dxl_put16(writer, mtr_dxl_crc(0, writer->out, writer->ok ? writer->n : 0));
  return writer->ok ? writer->n : 0;
}
