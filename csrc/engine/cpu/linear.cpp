#include "engine/cpu/linear.hpp"

#include <algorithm>

#include "kernels/pack.hpp"

namespace motorium {
namespace {

using kernels::KernelTable;
using kernels::MultiplyRows;

// Below this many multiply-adds, sharing costs more than it saves.
constexpr std::size_t kWorthSharing = 200'000;
constexpr std::size_t kPartsPerThread = 2;  // so that one delayed thread does not delay the others

using Multiply = void (*)(const MultiplyRows&) noexcept;

Multiply kernel_of(const KernelTable& table, Precision precision) noexcept {
  if (precision == Precision::bfloat16) return table.bf16_multiply_rows;
  if (precision == Precision::int8) return table.i8_multiply_rows;
  return table.f32_multiply_rows;
}

struct Shape {
  Multiply kernel;
  std::size_t panels, bytes;     // of the weights
  std::size_t results, outputs;  // of one panel: gated ones give half
};

/// Panels first..last of `call`.
void multiply_part(const MultiplyRows& call, const Shape& shape, std::size_t panel, std::size_t first,
                   std::size_t last) noexcept {
  MultiplyRows part = call;
  part.packed = static_cast<const char*>(call.packed) + first * shape.bytes;
  if (call.packed_bias != nullptr) part.packed_bias = call.packed_bias + first * panel;
  part.y = call.y + first * shape.results;
  part.n = std::min(call.n, last * shape.results) - first * shape.results;
  shape.kernel(part);
}

void multiply_panels(const KernelTable& table, const Linear& linear, const MultiplyRows& call) noexcept {
  const Multiply kernel = kernel_of(table, linear.precision);
  Workspace* workspace = linear.workspace;
  if (workspace == nullptr || workspace->pool.threads() == 1 || call.rows * call.n * call.k < kWorthSharing) {
    return kernel(call);
  }
  const std::size_t results = kernels::is_gated(call.activation) ? table.lanes : table.panel;
  const Shape shape{kernel, (call.n + results - 1) / results,
                    kernels::panel_bytes(table, linear.precision, call.k), results, table.panel};
  const std::size_t parts = std::min(shape.panels, kPartsPerThread * workspace->pool.threads());
  workspace->pool.run(parts, [&](std::size_t part, std::size_t) noexcept {
    multiply_part(call, shape, table.panel, part * shape.panels / parts, (part + 1) * shape.panels / parts);
  });
}

/// Returns rows first..first+count of a product as a product of its own.
MultiplyRows rows_of(const MultiplyRows& call, std::size_t first, std::size_t count) noexcept {
  MultiplyRows part = call;
  part.rows = count;
  if (call.x_rows != nullptr) {
    part.x_rows = call.x_rows + first;
  } else {
    part.x = call.x + first * call.x_stride;
  }
  if (call.y_rows != nullptr) {
    part.y_rows = call.y_rows + first;
  } else {
    part.y = call.y + first * call.y_stride;
  }
  if (call.row_scale != nullptr) part.row_scale = call.row_scale + first;
  return part;
}

void multiply_converted(const KernelTable& table, const Linear& linear, const MultiplyRows& call,
                        const RowMaker& make) noexcept {
  Workspace& workspace = *linear.workspace;
  const kernels::DotFormat format = kernels::format_of(table, linear.precision);
  const auto kernel = linear.precision == Precision::int8 ? table.i8_quantise_rows : table.bf16_round_rows;
  const std::size_t row_bytes = kernels::converted_stride(call.k) * format.input_bytes;
  for (std::size_t start = 0; start < call.rows; start += Workspace::kRows) {
    MultiplyRows part = rows_of(call, start, std::min(Workspace::kRows, call.rows - start));
    share_rows(workspace, part.rows, part.k, [&](std::size_t first, std::size_t last) noexcept {
      if (make) make(start + first, start + last);
      const MultiplyRows some = rows_of(part, first, last - first);
      kernel({some.x, some.x_stride, some.rows, some.k, some.x_rows, workspace.converted + first * row_bytes,
              workspace.converted_scale + first, format.levels});
    });
    part.x_rows = nullptr;
    part.converted = workspace.converted;
    part.converted_scale = workspace.converted_scale;
    multiply_panels(table, linear, part);
  }
}

void make_rows(Workspace* workspace, const ConstRows& x, std::size_t floats, const RowMaker& make) noexcept {
  if (!make) return;
  if (workspace == nullptr) return make(0, x.count);
  share_rows(*workspace, x.count, floats, make);
}

}  // namespace

void multiply_rows(const KernelTable& table, const Linear& linear, const ConstRows& x, const Rows& y,
                   const Finish& finish, const RowMaker& make) noexcept {
  if (x.count == 0) return;  // nothing is read either
  const MultiplyRows call{
      x.data, x.stride, x.count,           linear.packed,     linear.n,      linear.k,      linear.bias,
      y.data, y.stride, finish.activation, finish.accumulate, finish.x_rows, finish.y_rows, finish.row_scale};
  if (linear.workspace != nullptr) {
    const std::size_t results = kernels::is_gated(finish.activation) ? table.lanes : table.panel;
    linear.workspace->bytes_read.add((linear.n + results - 1) / results *
                                     kernels::panel_bytes(table, linear.precision, linear.k));
  }
  if (kernels::format_of(table, linear.precision).input_bytes == 0) {
    make_rows(linear.workspace, x, linear.k, make);
    multiply_panels(table, linear, call);
  } else {
    multiply_converted(table, linear, call, make);
  }
}

void attend_heads(const KernelTable& table, const kernels::AttendRows& call, std::size_t first,
                  std::size_t last, std::size_t thread) noexcept {
  const bool narrow = call.cache.narrow.keys != nullptr;
  const std::size_t scores = narrow ? kernels::narrow_score_floats(call.cache.capacity, table.panel)
                                    : kernels::score_floats(call.cache.capacity, table.panel);
  kernels::AttendRows part = call;
  part.first_head = first;
  part.last_head = last;
  part.scratch = call.scratch + thread * scores;
  (narrow ? table.i16_attend_rows : table.f32_attend_rows)(part);
}

void attend(Workspace& workspace, const KernelTable& table, const kernels::AttendRows& call) noexcept {
  const std::size_t multiply_adds = call.rows * call.heads * call.cache.capacity * call.cache.head_dim;
  if (workspace.pool.threads() == 1 || multiply_adds < kWorthSharing)
    return attend_heads(table, call, 0, call.heads, 0);
  workspace.pool.run(call.heads, [&](std::size_t head, std::size_t thread) noexcept {
    attend_heads(table, call, head, head + 1, thread);
  });
}

}  // namespace motorium
