#pragma once

#include <cstddef>
#include <cstdint>

/// Arguments of the kernels. Plain data without member functions: this header is compiled with several
/// instruction sets, and the linker would merge an inline member that is not inlined. Matrices are row-major
/// float32; a stride is the distance between two rows in floats.
namespace motorium::kernels {

enum class Activation : std::uint8_t {
  none,
  relu,
  silu,
  /// silu(gate) * up, on weights packed with pack_gated(); n counts the results.
  silu_gate,
  /// x Phi(x), with the error function.
  gelu,
  /// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
  gelu_tanh,
  /// gelu_tanh(gate) * up, packed like silu_gate.
  gelu_tanh_gate,
};

/// Whether an activation takes its input from pairs packed with pack_gated().
[[maybe_unused]] static constexpr bool is_gated(Activation activation) {
  return activation == Activation::silu_gate || activation == Activation::gelu_tanh_gate;
}

enum class Unary : std::uint8_t { exp, silu, relu, gelu, gelu_tanh };

/// How weights are stored. Sums, biases, activations and results are float32 (int8 products sum in int32).
enum class Precision : std::uint8_t {
  float32,
  bfloat16,  ///< weights rounded to bfloat16
  int8,      ///< weights and rows rounded to -127..127, one scale per output and one per row
};

/// y[i] (+)= scale[i] * activation(W x[i] + bias), W prepacked by pack().
struct MultiplyRows {
  const float* x;  ///< not read by products of converted rows
  std::size_t x_stride;
  std::size_t rows;
  const void* packed;
  std::size_t n;
  std::size_t k;
  const float* packed_bias;  ///< packed like the weights; null: none
  float* y;
  std::size_t y_stride;
  Activation activation;
  bool accumulate;              ///< add to what y holds (residual stream)
  const std::uint32_t* x_rows;  ///< row i is read from x_rows[i]; null: i
  const std::uint32_t* y_rows;  ///< row i is written to y_rows[i]; null: i
  const float* row_scale;       ///< null: 1
  /// Rows from ConvertRows where DotFormat asks for them; x_rows is then null.
  const void* converted = nullptr;
  const float* converted_scale = nullptr;
};

/// Converts rows for the dot products of a unit: row i at i * converted_stride(k) inputs of
/// DotFormat::input_bytes, zero-padded. bfloat16: rounded to nearest even. int8: round(levels x / max |x|) +
/// DotFormat::offset.
struct ConvertRows {
  const float* x;
  std::size_t x_stride;
  std::size_t rows, k;
  const std::uint32_t* x_rows;  ///< row i is read from x_rows[i]; null: i
  void* y;
  float* scale;  ///< int8: max |x| / levels per row, NaN where the row is not finite
  int levels = 127;
};

/// 2-D convolution, square kernel, zero padding; x is (height, width, channels), y is (out_h * out_w,
/// out_channels). Weights are pack_rows() of [out][ky][kx][in].
struct ConvolveImage {
  const float* x;
  std::size_t height, width, channels;
  std::size_t kernel, stride, padding;
  const float* packed;
  const float* packed_bias;
  std::size_t out_channels;
  float* y;
  float* scratch;  ///< kConvolveRows * kernel * kernel * channels floats
};
static constexpr std::size_t kConvolveRows = 48;

/// y = x / sqrt(mean(x^2) + eps) * weight over each of `segments` stretches of `width` floats of every row.
struct NormaliseRms {
  const float* x;
  std::size_t x_stride;
  float* y;  ///< may be x
  std::size_t y_stride;
  std::size_t rows, segments, width;
  const float* weight;  ///< width floats
  float eps;
};

/// y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias over each row of `width` floats.
struct NormaliseLayer {
  const float* x;
  std::size_t x_stride;
  float* y;  ///< may be x
  std::size_t y_stride;
  std::size_t rows, width;
  const float* weight;  ///< null: 1
  const float* bias;    ///< null: 0
  float eps;
};

/// y[i] = residual[i] + x[i] * (offset + scale[m]) + shift[m] with m = index[i]: adaptive norms, gates.
struct ModulateRows {
  const float* x;
  std::size_t x_stride;
  float* y;  ///< may be x or residual
  std::size_t y_stride;
  std::size_t rows, width;
  const float* residual;  ///< strides of y; null: 0
  const float* scale;
  const float* shift;          ///< null: 0
  std::size_t stride;          ///< between rows of scale and of shift
  const std::uint32_t* index;  ///< null: every row reads row 0
  float offset;
};

/// Rotary position embedding: in every segment of `width` floats, rotates the pairs (x[i], x[i + width / 2])
/// by the angle of the row's position. The tables hold width / 2 floats per position.
struct RotateHalves {
  float* x;
  std::size_t stride;
  std::size_t rows, segments, width;  ///< width is even
  const float* cosine;
  const float* sine;
  const std::uint32_t* positions;
};

/// Group normalisation of (pixels, channels), then y = n * gamma + beta, then optionally y = y * (1 +
/// film_scale) + film_shift, SiLU, and + residual.
struct NormaliseGroups {
  const float* x;
  float* y;  ///< may be x
  std::size_t pixels, channels, groups;
  float eps;
  const float* gamma;
  const float* beta;
  const float* film_scale;  ///< null: no FiLM
  const float* film_shift;
  const float* residual;  ///< null: none
  bool silu;
  float* scratch;  ///< 2 * channels floats
};

/// Keys and values of one layer, in panels, so that scores and weighted sums are plain tile products and each
/// head reads memory in order: keys are [kv_head][panel of keys][head_dim][lane], values are [kv_head][panel
/// of head_dim][key][lane]. Sizes: key_floats(), value_floats().
///
/// A narrow cache holds 16-bit integers instead, in the same panels but with Int16Dot::group neighbours
/// (dimensions of a key, keys of a value) side by side, and one scale per key and per value: [kv_head][key],
/// padded to whole panels. Sizes: narrow_floats().
struct NarrowKeys {
  std::int16_t* keys = nullptr;
  std::int16_t* values = nullptr;
  float* key_scale = nullptr;
  float* value_scale = nullptr;
};
struct KeyValues {
  float* keys;
  float* values;
  std::size_t kv_heads, head_dim, capacity;
  NarrowKeys narrow = {};  ///< used instead of the floats by the i16 kernels
};

/// Append `count` keys and values at position `first`.
struct StoreKeys {
  const float* k;
  const float* v;
  std::size_t stride;
  std::size_t count, first;
  KeyValues cache;
};

/// Keys 0 .. gap_first - 1 and gap_last .. last - 1; at least one. gap_first <= gap_last <= last.
struct VisibleKeys {
  std::uint32_t gap_first, gap_last, last;
};

/// y[i] = softmax(q[i] K^T / sqrt(head_dim)) V per head; row i sees the first visible_first + i *
/// visible_step keys, or those of visible[i].
struct AttendRows {
  const float* q;
  std::size_t q_stride;
  std::size_t rows, heads;
  KeyValues cache;
  std::size_t visible_first, visible_step;
  float* y;
  std::size_t y_stride;
  float* scratch;                             ///< score_floats(), or narrow_score_floats()
  const VisibleKeys* visible = nullptr;       ///< one per row; null: the two numbers above
  std::size_t first_head = 0, last_head = 0;  ///< heads [first, last); last 0: all
};

/// y = softmax over each row of `width` floats.
struct SoftmaxRows {
  const float* x;
  float* y;  ///< may be x
  std::size_t rows, width;
};

/// y[i] = op(x[i]).
struct ApplyUnary {
  const float* x;
  float* y;  ///< may be x
  std::size_t n;
  Unary op;
};

/// y[i] = x[i] + scale * z[i].
struct AddScaled {
  const float* x;
  const float* z;
  float* y;  ///< may be x or z
  std::size_t n;
  float scale;
};

/// x += dt * v, then the first committed_rows rows become `committed`.
struct StepEuler {
  float* x;
  const float* v;
  const float* committed;  ///< (committed_rows, width)
  std::size_t rows, width, committed_rows;
  float dt;
};

/// Normalises (pixels, 3) uint8 to (pixels, 3) float32: y = x * scale[c] + shift[c]. Channels stay last, as
/// convolutions read them.
struct NormaliseImage {
  const std::uint8_t* x;
  float* y;
  std::size_t pixels;
  float scale[3];
  float shift[3];
};

/// Resizes bilinearly to (out_height, out_width), with pixel centres at half (edges are repeated), then
/// normalises as NormaliseImage. No antialiasing: meant for factors of about one half to two.
struct ResizeImage {
  const std::uint8_t* x;  ///< (height, width, 3)
  std::size_t height, width;
  float* y;  ///< (out_height, out_width, 3), or (3, out_height, out_width) if channels_first
  std::size_t out_height, out_width;
  float scale[3];
  float shift[3];
  bool channels_first;
  float* scratch;  ///< 3 * width floats
};

/// Maps channel c of a network to and from slot slots[c] of a chunk of `rows` rows of `slot_count` floats:
/// x[i, c] = (chunk[i, slots[c]] - base[c] - mean[i, c]) / std[i, c].
struct SlotScale {
  std::size_t rows, channels, slot_count;
  const std::uint32_t* slots;
  const float* base;   ///< (channels): reference of a relative channel, 0 for absolute ones
  const float* mean;   ///< (rows, channels)
  const float* scale;  ///< (rows, channels): std
};

struct GatherSlots {
  const float* chunk;  ///< (rows, slot_count)
  float* x;            ///< (rows, channels)
  SlotScale by;
};

struct ScatterSlots {
  const float* x;  ///< (rows, channels)
  float* chunk;    ///< (rows, slot_count): zeros on slots without a channel
  SlotScale by;
};

/// Runs the unit's largest tile product `rounds` times, to measure its peak. Dot products may be run at
/// several lengths, of which the fastest counts: a short one pays more for its ends, a long one leaves the
/// nearest cache.
struct MeasurePeak {
  Precision precision;
  std::size_t rounds;
  std::size_t inputs;  ///< of one dot product, a divisor of 1024; 0: in registers only, where the unit can
  float* sink;         ///< one float, so that the compiler keeps the work
  std::uint64_t* products;  ///< multiply-adds done
};

/// Reads `bytes` (a multiple of 256) once, as fast as the unit can.
struct MeasureStream {
  const void* data;
  std::size_t bytes;
  float* sink;
};

static constexpr std::size_t kMaxTileRows = 16;

/// Number of inputs whose int8 products are first summed in 16 bits, by units that do so.
static constexpr std::size_t kChain = 16;

[[maybe_unused]] static constexpr std::size_t round_up(std::size_t n, std::size_t to) {
  return (n + to - 1) / to * to;
}

/// Inputs between the starts of two converted rows.
[[maybe_unused]] static constexpr std::size_t converted_stride(std::size_t k) { return round_up(k, kChain); }

/// Bytes of one panel of bfloat16 weights, `block` inputs at a time.
[[maybe_unused]] static constexpr std::size_t bf16_panel_bytes(std::size_t panel, std::size_t k,
                                                               std::size_t block) {
  return panel * round_up(k, block) * 2;
}

/// Bytes of one panel of int8 weights: float scale[panel], int32 start[panel], weights.
[[maybe_unused]] static constexpr std::size_t i8_panel_bytes(std::size_t panel, std::size_t k,
                                                             std::size_t block) {
  return round_up(panel * (8 + round_up(k, block)), 64);
}

/// Floats of KeyValues::keys for a unit with this panel width.
[[maybe_unused]] static constexpr std::size_t key_floats(std::size_t kv_heads, std::size_t head_dim,
                                                         std::size_t capacity, std::size_t panel) {
  return kv_heads * round_up(capacity, panel) * head_dim;
}

/// Floats of KeyValues::values.
[[maybe_unused]] static constexpr std::size_t value_floats(std::size_t kv_heads, std::size_t head_dim,
                                                           std::size_t capacity, std::size_t panel) {
  return kv_heads * round_up(head_dim, panel) * capacity;
}

/// Floats of AttendRows::scratch.
[[maybe_unused]] static constexpr std::size_t score_floats(std::size_t capacity, std::size_t panel) {
  return kMaxTileRows * round_up(capacity, panel);
}

/// Widest head that the i16 kernels accept.
static constexpr std::size_t kMaxHeadDim = 512;

/// Returns the levels of a rounded query and key: head_dim products of two of them fit an int32.
[[maybe_unused]] static inline float narrow_levels(std::size_t head_dim) {
  const float levels = __builtin_sqrtf(2147480000.0f / static_cast<float>(head_dim));
  return levels < 32767.0f ? static_cast<float>(static_cast<int>(levels)) : 32767.0f;
}

/// Floats that hold NarrowKeys::keys, or NarrowKeys::values.
[[maybe_unused]] static constexpr std::size_t narrow_floats(std::size_t kv_heads, std::size_t head_dim,
                                                            std::size_t capacity, std::size_t panel) {
  return kv_heads * round_up(capacity, panel) * round_up(head_dim, panel) / 2;
}

/// Floats of AttendRows::scratch for i16_attend_rows.
[[maybe_unused]] static constexpr std::size_t narrow_score_floats(std::size_t capacity, std::size_t panel) {
  return 2 * score_floats(capacity, panel);
}

}  // namespace motorium::kernels
