#include "runtime/chunk_buffer.hpp"

#include <algorithm>
#include <cmath>

namespace motorium {
namespace {

/// Observations are at most this old when their chunk arrives; older knots are dropped.
constexpr std::int64_t kMemoryNs = 1'500'000'000;
/// Row 0 has the time of an observation and lies in the past; a plan for later than this means a wrong clock.
constexpr std::int64_t kMaxLeadNs = 10'000'000'000;
/// Longest possible chunk: one that began before that is over, and no sum of its times overflows.
constexpr std::int64_t kMaxChunkNs = kMaxChunkRows * kMaxStepNs;
/// Knots for a whole chunk, its seam and the end of an approach.
constexpr std::uint32_t kRoom = kMaxChunkRows + 2;
constexpr float kReached_rad = 0.05f;  // ends an approach; teleoperation uses the same distance

}  // namespace

ChunkBuffer::ChunkBuffer(std::uint32_t joints, std::int64_t blend_ns, const Meaning& meaning,
                         const ApproachLimits& approach) noexcept
    : joints_(joints), blend_ns_(blend_ns), meaning_(meaning), approach_(approach) {}

PushStatus ChunkBuffer::judge(const ChunkView& chunk, std::int64_t now_ns) const noexcept {
  if (!well_formed(chunk)) return PushStatus::malformed;
  if (!meant(chunk)) return PushStatus::out_of_range;
  if (chunk.t0_ns > now_ns + kMaxLeadNs) return PushStatus::out_of_time;
  return chunk.t0_ns < now_ns - kMaxChunkNs ? PushStatus::expired : PushStatus::accepted;
}

bool ChunkBuffer::well_formed(const ChunkView& chunk) const noexcept {
  if (chunk.rows < 1 || chunk.rows > kMaxChunkRows || chunk.delay > chunk.rows) return false;
  if (chunk.dt_ns < kMinStepNs || chunk.dt_ns > kMaxStepNs ||
      chunk.rows_rad.size() != std::size_t{chunk.rows} * joints_)
    return false;
  return std::all_of(chunk.rows_rad.begin(), chunk.rows_rad.end(), [](float x) { return std::isfinite(x); });
}

bool ChunkBuffer::meant(const ChunkView& chunk) const noexcept {
  for (std::uint32_t i = 0; i < chunk.rows; ++i) {
    for (std::uint32_t j = 0; j < joints_; ++j) {
      const float value = chunk.rows_rad[std::size_t{i} * joints_ + j];
      if (value < meaning_.lowest_rad[j] || value > meaning_.highest_rad[j]) return false;
    }
  }
  return true;
}

/// Clamps a row to the limits. Otherwise a policy that continues from the committed rows would wind up beyond
/// a limit for as long as it pushes, and need as long to come back.
float ChunkBuffer::planned(const ChunkView& chunk, std::uint32_t row, std::uint32_t joint) const noexcept {
  const float value = chunk.rows_rad[std::size_t{row} * joints_ + joint];
  return std::clamp(value, meaning_.lower_rad[joint], meaning_.upper_rad[joint]);
}

/// Interpolates the rows linearly at `t_ns`, which lies within the chunk.
void ChunkBuffer::chunk_at(const ChunkView& chunk, std::int64_t t_ns, std::span<float> out) const noexcept {
  const double place = static_cast<double>(t_ns - chunk.t0_ns) / static_cast<double>(chunk.dt_ns);
  const double last = static_cast<double>(chunk.rows - 1);
  const auto row = static_cast<std::uint32_t>(std::clamp(std::floor(place), 0.0, last));
  const std::uint32_t next = std::min(row + 1, chunk.rows - 1);
  const float fraction = static_cast<float>(std::clamp(place - row, 0.0, 1.0));
  for (std::uint32_t j = 0; j < joints_; ++j) {
    const float a = planned(chunk, row, j), b = planned(chunk, next, j);
    out[j] = a + fraction * (b - a);
  }
}

/// Extrapolates the chunk's own rows back to the seam. They may differ from the committed ones by any amount.
void ChunkBuffer::own_start(const ChunkView& chunk, std::int64_t seam_ns,
                            std::span<float> out) const noexcept {
  const auto own = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>((seam_ns - chunk.t0_ns) / chunk.dt_ns + 1, 0, std::int64_t{chunk.rows} - 1));
  const std::uint32_t next = std::min(own + 1, chunk.rows - 1);
  const auto rows =
      static_cast<float>(chunk.t0_ns + own * chunk.dt_ns - seam_ns) / static_cast<float>(chunk.dt_ns);
  for (std::uint32_t j = 0; j < joints_; ++j) {
    const float a = planned(chunk, own, j), b = planned(chunk, next, j);
    out[j] = a - rows * (b - a);
  }
}

/// Whether the chunk fits behind what stays planned between now and the seam.
bool ChunkBuffer::has_room(std::int64_t now_ns, std::int64_t seam_ns) const noexcept {
  std::uint32_t kept = 1;  // the left end of the segment that contains now
  for (std::uint32_t k = 0; k < draft_.count; ++k)
    if (draft_.knots[k].t_ns > now_ns && draft_.knots[k].t_ns < seam_ns) ++kept;
  return kept <= Plan::kCapacity - kRoom;
}

void ChunkBuffer::restart(const Anchor& anchor) noexcept {
  draft_.epoch = anchor.epoch;
  draft_.joints = joints_;
  draft_.count = 1;
  approaching_ = 0;
  draft_.knots[0] = {anchor.t_ns, anchor.position_rad, {}, {}};
}

void ChunkBuffer::forget_before(std::int64_t t_ns) noexcept {
  std::uint32_t drop = 0;
  // Keep one knot before `t_ns`: the segment across it needs its left end.
  while (drop + 1 < draft_.count && draft_.knots[drop + 1].t_ns <= t_ns) ++drop;
  // Keep room for a whole chunk, its seam and the end of an approach, whatever the time step.
  if (draft_.count - drop > Plan::kCapacity - kRoom) drop = draft_.count - (Plan::kCapacity - kRoom);
  if (drop == 0) return;
  std::copy(draft_.knots.begin() + drop, draft_.knots.begin() + draft_.count, draft_.knots.begin());
  draft_.count -= drop;
}

Seam ChunkBuffer::measure(const ChunkView& chunk, std::int64_t seam_ns) const noexcept {
  const auto dt_s = static_cast<float>(static_cast<double>(chunk.dt_ns) * 1e-9);
  PerJoint<float> before2{}, before1{}, old_here{}, old_next{}, slope{}, here{}, next{};
  draft_.sample(seam_ns - 2 * chunk.dt_ns, before2);
  draft_.sample(seam_ns - chunk.dt_ns, before1);
  draft_.sample(seam_ns, old_here);
  draft_.sample(seam_ns + chunk.dt_ns, old_next);
  draft_.slope_before(seam_ns, slope);  // used where the old plan ends here: it continues at this speed
  chunk_at(chunk, seam_ns, here);
  chunk_at(chunk, seam_ns + chunk.dt_ns, next);
  const bool goes_on = seam_ns + chunk.dt_ns <= draft_.end_ns();
  Seam seam;
  for (std::uint32_t j = 0; j < joints_; ++j) {
    const float old_speed = goes_on ? (old_next[j] - old_here[j]) / dt_s : slope[j];
    const float third = next[j] - 3.0f * here[j] + 3.0f * before1[j] - before2[j];
    seam.jump_rad = std::max(seam.jump_rad, std::abs(here[j] - old_here[j]));
    seam.velocity_rad_s = std::max(seam.velocity_rad_s, std::abs((next[j] - here[j]) / dt_s - old_speed));
    seam.jerk_rad_s3 = std::max(seam.jerk_rad_s3, std::abs(third) / (dt_s * dt_s * dt_s));
  }
  return seam;
}

/// Decides which joints approach the chunk slowly. For those, `offset_rad`, which fades out after the seam,
/// becomes their whole distance from the chunk's own rows. True when a plan that begins too far away is new.
bool ChunkBuffer::watch_approach(const ChunkView& chunk, const Knot& seam, bool from_rest,
                                 PerJoint<float>& offset_rad) noexcept {
  const JointMask before = approaching_;
  // The arm may have moved since the policy's observation.
  const auto seen_s = static_cast<float>(std::max<std::int64_t>(seam.t_ns - chunk.t0_ns, 0)) * 1e-9f;
  PerJoint<float> start_rad{};
  own_start(chunk, seam.t_ns, start_rad);
  float furthest_rad = 0.0f;
  for (std::uint32_t j = 0; j < joints_; ++j) {
    const JointMask bit = joint_bit(j);
    const float gap_rad = seam.position_rad[j] - start_rad[j];
    const float far_rad = approach_.gap_rad[j] + approach_.speed_rad_s[j] * seen_s;
    if (std::abs(from_rest ? gap_rad : offset_rad[j]) > far_rad) {
      approaching_ |= bit;
    } else if (std::abs(gap_rad) <= kReached_rad || seam.t_ns >= reached_ns_[j]) {
      approaching_ &= ~bit;
    }
    if ((approaching_ & bit) == 0) continue;
    offset_rad[j] = gap_rad;
    const double fade_s = static_cast<double>(std::abs(gap_rad) / approach_.speed_rad_s[j]);
    reached_ns_[j] = seam.t_ns + std::max(blend_ns_, static_cast<std::int64_t>(1e9 * fade_s));
    if ((before & bit) != 0 || std::abs(gap_rad) <= furthest_rad) continue;
    furthest_rad = std::abs(gap_rad);
    counters_.approach_joint = j;
    counters_.approach_rad = furthest_rad;
  }
  if (furthest_rad <= 0.0f) return false;
  ++counters_.approaches;
  return true;
}

void ChunkBuffer::splice(const ChunkView& chunk, std::int64_t seam_ns, bool from_rest) noexcept {
  Knot seam{};
  seam.t_ns = seam_ns;
  draft_.sample(seam_ns, seam.position_rad);
  draft_.slope_before(seam_ns, seam.slope_in_rad_s);
  PerJoint<float> offset{};
  chunk_at(chunk, seam_ns, offset);
  for (std::uint32_t j = 0; j < joints_; ++j) {
    offset[j] = seam.position_rad[j] - offset[j];
    counters_.seam_jump_max_rad = std::max(counters_.seam_jump_max_rad, std::abs(offset[j]));
  }
  draft_.approach = watch_approach(chunk, seam, from_rest, offset);
  std::int64_t reached_ns = seam_ns;
  PerJoint<double> fade_ns{};
  for (std::uint32_t j = 0; j < joints_; ++j) {
    const bool slow = (approaching_ & joint_bit(j)) != 0;
    fade_ns[j] = static_cast<double>(std::max<std::int64_t>(slow ? reached_ns_[j] - seam_ns : blend_ns_, 1));
    if (slow) reached_ns = std::max(reached_ns, reached_ns_[j]);
  }
  while (draft_.count > 0 && draft_.knots[draft_.count - 1].t_ns >= seam_ns) --draft_.count;
  forget_before(draft_.count > 0 ? draft_.knots[0].t_ns : seam_ns);  // makes room
  const std::uint32_t first = draft_.count;
  draft_.knots[draft_.count++] = seam;
  for (std::uint32_t i = 0; i < chunk.rows; ++i) {
    const std::int64_t t_ns = chunk.t0_ns + i * chunk.dt_ns;
    if (t_ns <= seam_ns) continue;
    Knot& knot = draft_.knots[draft_.count++];
    knot = Knot{};
    knot.t_ns = t_ns;
    for (std::uint32_t j = 0; j < joints_; ++j) {
      const double gone = static_cast<double>(t_ns - seam_ns) / fade_ns[j];
      const auto left = static_cast<float>(std::max(0.0, 1.0 - gone));
      knot.position_rad[j] = planned(chunk, i, j) + left * offset[j];
    }
  }
  if (reached_ns > draft_.end_ns()) {  // the last row is the target, however long the approach takes
    Knot& knot = draft_.knots[draft_.count++];
    knot = Knot{};
    knot.t_ns = reached_ns;
    std::copy_n(chunk.rows_rad.end() - joints_, joints_, knot.position_rad.begin());
  }
  draft_.shape_from(first);
}

PushStatus ChunkBuffer::push(const ChunkView& chunk, std::int64_t now_ns, const Anchor& anchor) noexcept {
  const PushStatus verdict = judge(chunk, now_ns);
  if (verdict == PushStatus::expired) {
    ++counters_.expired;
    ++counters_.late_chunks;
    return verdict;
  }
  if (verdict != PushStatus::accepted) {
    ++counters_.malformed;
    return verdict;
  }
  const bool fresh_start = draft_.count == 0 || draft_.epoch != anchor.epoch;
  const bool late = now_ns > chunk.t0_ns + chunk.delay * chunk.dt_ns;
  // The last committed row is the first that old plan and new chunk share.
  const std::int64_t committed_ns = chunk.t0_ns + (std::int64_t{chunk.delay} - 1) * chunk.dt_ns;
  const std::int64_t seam_ns = std::max(committed_ns, now_ns);
  if (seam_ns > chunk.t0_ns + (std::int64_t{chunk.rows} - 1) * chunk.dt_ns) {
    ++counters_.expired;
    if (late) ++counters_.late_chunks;
    return PushStatus::expired;
  }
  if (!fresh_start && !has_room(now_ns, seam_ns)) {
    ++counters_.malformed;
    return PushStatus::out_of_time;
  }
  const bool from_rest = fresh_start || draft_.end_ns() <= seam_ns;
  if (fresh_start) restart(anchor);
  forget_before(now_ns - kMemoryNs);
  draft_.seam = fresh_start ? Seam{} : measure(chunk, seam_ns);
  if (!fresh_start) counters_.seams.add(draft_.seam);
  splice(chunk, seam_ns, from_rest);
  draft_.late = late;
  draft_.final = chunk.final;
  ++draft_.version;
  ++counters_.pushed;
  if (!fresh_start) ++counters_.stitches;
  if (late) ++counters_.late_chunks;
  handed_over_.write_slot().take(draft_);
  handed_over_.publish();
  return late ? PushStatus::late : PushStatus::accepted;
}

void ChunkBuffer::committed(std::int64_t t0_ns, std::int64_t dt_ns, std::uint32_t rows, const Anchor& anchor,
                            std::span<float> out_rad) const noexcept {
  const bool planned = draft_.count > 0 && draft_.epoch == anchor.epoch;
  for (std::uint32_t i = 0; i < rows; ++i) {
    const std::span<float> row = out_rad.subspan(std::size_t{i} * joints_, joints_);
    if (planned)
      draft_.sample(t0_ns + i * dt_ns, row);
    else
      std::copy_n(anchor.position_rad.begin(), joints_, row.begin());
  }
}

}  // namespace motorium
