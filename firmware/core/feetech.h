/* Feetech protocol 0 framing: FF FF ID LEN INSTRUCTION PARAMETERS.. CHECKSUM, replies with an error byte in
 * place of the instruction. LEN = parameters + 2, CHECKSUM = ~(ID + LEN + INSTRUCTION + parameters) & 0xFF,
 * 16-bit values low byte first. Source: Feetech serial bus servo communication protocol manual; STS series
 * memory table. Nothing in a packet distinguishes a request from a reply: the instruction has the place of
 * the error byte.
 *
 * Portable C11, no allocation, bounded. Used by the bus driver, by the virtual servos and by firmware.
 */
#ifndef MTR_FEETECH_H
#define MTR_FEETECH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MTR_FT_MAX_ID 0xFC
#define MTR_FT_BROADCAST 0xFE
#define MTR_FT_MAX_PARAMETERS 253
#define MTR_FT_MAX_PACKET (MTR_FT_MAX_PARAMETERS + 6)

enum {
  MTR_FT_PING = 0x01,
  MTR_FT_READ = 0x02,
  MTR_FT_WRITE = 0x03,
  MTR_FT_REG_WRITE = 0x04,
  MTR_FT_ACTION = 0x05,
  MTR_FT_RESET = 0x06,
  MTR_FT_SYNC_READ = 0x82,
  MTR_FT_SYNC_WRITE = 0x83
};

/* Builders write one packet to `out` and return its size, or 0 when it does not fit in `capacity` or a field
 * is out of range; `out` is then unspecified. */
size_t mtr_ft_packet(uint8_t* out, size_t capacity, uint8_t id, uint8_t instruction,
                     const uint8_t* parameters, size_t n_parameters);
/* A servo whose error byte is 0x01 (voltage) answers with this same packet. Where the line may echo, read
 * register 5, the id, instead. */
size_t mtr_ft_ping(uint8_t* out, size_t capacity, uint8_t id);
size_t mtr_ft_read(uint8_t* out, size_t capacity, uint8_t id, uint8_t address, uint8_t size);
size_t mtr_ft_write(uint8_t* out, size_t capacity, uint8_t id, uint8_t address, const uint8_t* data,
                    size_t size);
size_t mtr_ft_sync_read(uint8_t* out, size_t capacity, const uint8_t* ids, size_t n_ids, uint8_t address,
                        uint8_t size);
/* data: n_ids rows of `size` bytes. */
size_t mtr_ft_sync_write(uint8_t* out, size_t capacity, const uint8_t* ids, size_t n_ids, uint8_t address,
                         uint8_t size, const uint8_t* data);

typedef enum {
  MTR_FT_MORE = 0,     /* nothing complete: push more bytes */
  MTR_FT_GOOD,         /* one packet came out */
  MTR_FT_BAD_CHECKSUM, /* skipped a false or damaged header; call again */
  MTR_FT_BAD_LENGTH    /* likewise */
} mtr_ft_event;

typedef struct {
  uint8_t id;
  uint8_t instruction; /* error byte in a reply */
  uint8_t n_parameters;
  const uint8_t* parameters; /* inside the parser, until the next push */
} mtr_ft_view;

/* Finds packets in any byte stream. Zero-initialise it; `max_parameters` rejects longer packets early, so
 * that one damaged length byte cannot swallow the good replies after it (0: no bound). */
typedef struct {
  uint8_t bytes[2 * MTR_FT_MAX_PACKET];
  uint16_t begin, end;
  uint8_t max_parameters;
} mtr_ft_parser;

void mtr_ft_parser_clear(mtr_ft_parser* parser);
/* Returns how many bytes it took, at least one if n > 0 and all packets have been fetched with
 * mtr_ft_next. */
size_t mtr_ft_push(mtr_ft_parser* parser, const uint8_t* bytes, size_t n);
mtr_ft_event mtr_ft_next(mtr_ft_parser* parser, mtr_ft_view* view);

/* Low byte first: STS and SMS. The SCS series has the high byte first. */
uint16_t mtr_ft_get16(const uint8_t* bytes);
void mtr_ft_put16(uint8_t* bytes, uint16_t value);

uint16_t mtr_ft_get16_high_first(const uint8_t* bytes);
void mtr_ft_put16_high_first(uint8_t* bytes, uint16_t value);

/* Sign-magnitude fields: bit `sign_bit` (1..15) is the sign, the bits below it the magnitude, those above
 * ignored. */
int32_t mtr_ft_decode_signed(uint16_t raw, unsigned sign_bit);
/* Saturates at the largest magnitude. */
uint16_t mtr_ft_encode_signed(int32_t value, unsigned sign_bit);

#ifdef __cplusplus
}
#endif

#endif
