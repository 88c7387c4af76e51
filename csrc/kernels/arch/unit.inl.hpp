/// Compiles all kernels once, over the vector type of the unit that includes this file. Everything is in an
/// unnamed namespace, and no standard library template is used: the linker must never pick code for one
/// instruction set for another.
#include "kernels/table.hpp"

namespace motorium::kernels {
namespace {

inline constexpr std::size_t kLanes = Vec::lanes;
inline constexpr std::size_t kPanel = 2 * kLanes;

}  // namespace
}  // namespace motorium::kernels

#include "kernels/bf16_multiply_rows.inl.hpp"
#include "kernels/bf16_round_rows.inl.hpp"
#include "kernels/f32_add_scaled.inl.hpp"
#include "kernels/f32_apply_unary.inl.hpp"
#include "kernels/f32_attend_rows.inl.hpp"
#include "kernels/f32_convolve_image.inl.hpp"
#include "kernels/f32_gather_slots.inl.hpp"
#include "kernels/f32_modulate_rows.inl.hpp"
#include "kernels/f32_multiply_rows.inl.hpp"
#include "kernels/f32_normalise_groups.inl.hpp"
#include "kernels/f32_normalise_layer.inl.hpp"
#include "kernels/f32_normalise_rms.inl.hpp"
#include "kernels/f32_rotate_halves.inl.hpp"
#include "kernels/f32_scatter_slots.inl.hpp"
#include "kernels/f32_softmax_rows.inl.hpp"
#include "kernels/f32_step_euler.inl.hpp"
#include "kernels/f32_store_keys.inl.hpp"
#include "kernels/i16_attend_rows.inl.hpp"
#include "kernels/i16_store_keys.inl.hpp"
#include "kernels/i8_multiply_rows.inl.hpp"
#include "kernels/i8_quantise_rows.inl.hpp"
#include "kernels/measure_peak.inl.hpp"
#include "kernels/measure_stream.inl.hpp"
#include "kernels/u8_normalise_image.inl.hpp"
#include "kernels/u8_resize_image.inl.hpp"

namespace motorium::kernels {

extern const KernelTable MOTORIUM_TABLE;
const KernelTable MOTORIUM_TABLE = {
    MOTORIUM_ISA_NAME, kLanes, kPanel, Vec::fused, bf16_format<Vec>(), i8_format<Int8Dot>(), Int16Dot::group,
#define MOTORIUM_KERNEL(name, Args) name,
#include "kernels/kernels.def"
#undef MOTORIUM_KERNEL
};

}  // namespace motorium::kernels
