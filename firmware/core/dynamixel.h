/* Dynamixel protocol 2.0 framing: FF FF FD 00 ID LEN_L LEN_H INSTRUCTION PARAMETERS.. CRC_L CRC_H.
 * LEN counts from INSTRUCTION to CRC. FF FF FD between INSTRUCTION and CRC is sent as FF FF FD FD, so that a
 * header occurs nowhere inside a packet. CRC-16: polynomial 8005, start 0, most significant bit first, over
 * everything before it. A status packet has instruction 55 and an error byte as its first parameter. Fast
 * replies are one status packet with ID FE, not stuffed: after 55, per servo ERROR ID DATA.. CRC, where each
 * CRC covers the packet up to there. Source: ROBOTIS e-manual, "DYNAMIXEL Protocol 2.0".
 *
 * Portable C11, no allocation, bounded. Used by the bus driver, by the virtual servos and by firmware.
 */
#ifndef MTR_DYNAMIXEL_H
#define MTR_DYNAMIXEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MTR_DXL_MAX_ID 0xFC
#define MTR_DXL_BROADCAST 0xFE
#define MTR_DXL_MAX_PACKET 1024 /* on the wire, stuffing included; 32 servos need half of it */
#define MTR_DXL_OVERHEAD 10     /* of a packet without parameters */

enum {
  MTR_DXL_PING = 0x01,
  MTR_DXL_READ = 0x02,
  MTR_DXL_WRITE = 0x03,
  MTR_DXL_REG_WRITE = 0x04,
  MTR_DXL_ACTION = 0x05,
  MTR_DXL_FACTORY_RESET = 0x06,
  MTR_DXL_REBOOT = 0x08,
  MTR_DXL_CLEAR = 0x10,
  MTR_DXL_STATUS = 0x55,
  MTR_DXL_SYNC_READ = 0x82,
  MTR_DXL_SYNC_WRITE = 0x83,
  MTR_DXL_FAST_SYNC_READ = 0x8A,
  MTR_DXL_BULK_READ = 0x92,
  MTR_DXL_BULK_WRITE = 0x93,
  MTR_DXL_FAST_BULK_READ = 0x9A
};

/* The error byte: bit 7 says that the servo's hardware error register is not zero, the rest is the result of
 * the instruction. */
enum {
  MTR_DXL_ALERT = 0x80,
  MTR_DXL_RESULT_FAIL = 1,
  MTR_DXL_BAD_INSTRUCTION = 2,
  MTR_DXL_CRC_MISMATCH = 3,
  MTR_DXL_DATA_RANGE = 4,
  MTR_DXL_DATA_LENGTH = 5,
  MTR_DXL_DATA_LIMIT = 6,
  MTR_DXL_ACCESS = 7
};

/* Continues a checksum; start with crc = 0. */
uint16_t mtr_dxl_crc(uint16_t crc, const uint8_t* bytes, size_t n);

/* Writes one packet piece by piece: `begin`, any number of `put`s, then `end`, which returns the size, or 0
 * when the packet did not fit or the id is invalid. */
typedef struct {
  uint8_t* out;
  size_t capacity, n;
  uint8_t ff;     /* FF bytes in a row, up to two */
  bool ok, plain; /* plain: no stuffing */
} mtr_dxl_writer;

void mtr_dxl_begin(mtr_dxl_writer* writer, uint8_t* out, size_t capacity, uint8_t id, uint8_t instruction);
void mtr_dxl_put(mtr_dxl_writer* writer, const uint8_t* bytes, size_t n);
void mtr_dxl_put16(mtr_dxl_writer* writer, uint16_t value);
size_t mtr_dxl_end(mtr_dxl_writer* writer);

/* These write whole packets and return the size, or 0 when it exceeds `capacity` or a field is out of
 * range. */
size_t mtr_dxl_packet(uint8_t* out, size_t capacity, uint8_t id, uint8_t instruction,
                      const uint8_t* parameters, size_t n_parameters);
size_t mtr_dxl_status(uint8_t* out, size_t capacity, uint8_t id, uint8_t error, const uint8_t* parameters,
                      size_t n_parameters);
size_t mtr_dxl_ping(uint8_t* out, size_t capacity, uint8_t id);
size_t mtr_dxl_reboot(uint8_t* out, size_t capacity, uint8_t id);
/* Reduces a multi-turn position to one turn. */
size_t mtr_dxl_clear_turns(uint8_t* out, size_t capacity, uint8_t id);
size_t mtr_dxl_read(uint8_t* out, size_t capacity, uint8_t id, uint16_t address, uint16_t size);
/* instruction: WRITE or REG_WRITE. */
size_t mtr_dxl_write(uint8_t* out, size_t capacity, uint8_t id, uint8_t instruction, uint16_t address,
                     const uint8_t* data, size_t size);
/* instruction: SYNC_READ or FAST_SYNC_READ. */
size_t mtr_dxl_sync_read(uint8_t* out, size_t capacity, uint8_t instruction, const uint8_t* ids, size_t n_ids,
                         uint16_t address, uint16_t size);
/* data: n_ids rows of `size` bytes. */
size_t mtr_dxl_sync_write(uint8_t* out, size_t capacity, const uint8_t* ids, size_t n_ids, uint16_t address,
                          uint16_t size, const uint8_t* data);

/* One servo's part of a bulk request. */
typedef struct {
  uint8_t id;
  uint16_t address, size;
  const uint8_t* data; /* `size` bytes for a write; ignored for a read */
} mtr_dxl_item;

/* instruction: BULK_READ or FAST_BULK_READ. */
size_t mtr_dxl_bulk_read(uint8_t* out, size_t capacity, uint8_t instruction, const mtr_dxl_item* items,
                         size_t n_items);
size_t mtr_dxl_bulk_write(uint8_t* out, size_t capacity, const mtr_dxl_item* items, size_t n_items);

typedef enum {
  MTR_DXL_MORE = 0,  /* nothing complete: push more bytes */
  MTR_DXL_GOOD,      /* one packet came out */
  MTR_DXL_BAD_CRC,   /* skipped a false or damaged header; call again */
  MTR_DXL_BAD_LENGTH /* likewise, or a packet that was cut short by the next one */
} mtr_dxl_event;

typedef struct {
  uint8_t id;
  uint8_t instruction;
  uint8_t error; /* of a status packet, else 0 */
  uint16_t n_parameters;
  const uint8_t* parameters; /* without stuffing and error byte; inside the parser, until the next push */
} mtr_dxl_view;

/* Finds packets in any byte stream. Zero-initialise it; `max_length` rejects packets whose LEN is larger, so
 * that one damaged length byte cannot swallow the good replies after it (0: what the buffer can hold). */
typedef struct {
  uint8_t bytes[MTR_DXL_MAX_PACKET];
  uint16_t begin, end;
  uint16_t max_length;
} mtr_dxl_parser;

void mtr_dxl_parser_clear(mtr_dxl_parser* parser);
/* Returns how many bytes it took, at least one if n > 0 and all packets have been fetched with
 * mtr_dxl_next. */
size_t mtr_dxl_push(mtr_dxl_parser* parser, const uint8_t* bytes, size_t n);
mtr_dxl_event mtr_dxl_next(mtr_dxl_parser* parser, mtr_dxl_view* view);
/* Gives up the incomplete packet, because no more bytes will come, so that `next` can look after its header.
 * False when nothing is left. */
bool mtr_dxl_give_up(mtr_dxl_parser* parser);

/* The blocks of a fast reply. A fast reply that is still incomplete, or will remain so, starts at the
 * parser's head: `mtr_dxl_fast_intact` returns how many of its leading blocks of `size` data bytes each
 * have arrived and are confirmed by their own CRC, and `mtr_dxl_fast_block` shows block `index` of them;
 * its view points into the parser. */
size_t mtr_dxl_fast_intact(mtr_dxl_parser* parser, size_t size);
void mtr_dxl_fast_block(const mtr_dxl_parser* parser, size_t index, size_t size, mtr_dxl_view* block);
/* Block at `offset` of a whole fast reply; returns the offset after it, or 0 when there is none. */
size_t mtr_dxl_fast_next(const mtr_dxl_view* reply, size_t offset, size_t size, mtr_dxl_view* block);
/* Appends a block to a fast reply opened with `mtr_dxl_begin_fast` for blocks of `total` bytes of data. */
void mtr_dxl_begin_fast(mtr_dxl_writer* writer, uint8_t* out, size_t capacity, size_t n_blocks, size_t total);
size_t mtr_dxl_put_block(mtr_dxl_writer* writer, uint8_t id, uint8_t error, const uint8_t* data, size_t size);

#ifdef __cplusplus
}
#endif

#endif
