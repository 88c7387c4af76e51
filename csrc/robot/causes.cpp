#include "robot/causes.hpp"

#include <array>
#include <cstdio>
#include <span>

#include "robot/texts.hpp"

namespace motorium {
namespace {

constexpr std::array<std::string_view, kCauses> kTexts{"has no proper supply",
                                                       "is too hot",
                                                       "stands outside its range",
                                                       "reports a fault",
                                                       "has not answered",
                                                       "does not answer any more",
                                                       "reads another place than before",
                                                       "did not reach its goal",
                                                       "has a setting that keeps torque off",
                                                       "did not confirm its torque",
                                                       "takes no torque now",
                                                       "has lost its port",
                                                       "gets no answer from its servos",
                                                       "has stopped by itself",
                                                       "is held by an emergency stop",
                                                       "has lost its supervisor",
                                                       "was let go while its control thread stood still",
                                                       "was stopped by the safety gate",
                                                       "is protected from damage"};
static_assert(!kTexts.back().empty(), "one text for each cause");

template <class... Numbers>
std::string format(const char* pattern, Numbers... numbers) {
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), pattern, numbers...);
  return text.data();
}

std::string fault_names(std::uint32_t bits, const RobotJoint& joint) {
  std::string names;
  for (std::size_t bit = 0; bit < kStatusBits; ++bit) {
    if ((bits >> bit & 1u) == 0) continue;
    const std::string& name = joint.fault_names[bit];
    names += (names.empty() ? "" : ", ") + (name.empty() ? "bit " + std::to_string(bit) : name);
  }
  return names;
}

std::string bit_words(std::span<const BitText> table, std::uint32_t bits) {
  std::string all;
  for (const std::string_view word : words_of(table, bits))
    all.append(all.empty() ? ": " : ", ").append(word);
  return all;
}

std::string numbers(const Problem& p, const RobotConfig& config) {
  switch (p.cause) {
    case Cause::supply:
      return format(": %.1f V, not %g to %g", p.measured, p.low, p.high);
    case Cause::heat:
      return format(": %.0f C, at most %g", p.measured, p.high);
    case Cause::position:
      return format(": %.2f rad, not %.2f to %.2f", p.measured, p.low, p.high);
    case Cause::servo_fault:
    case Cause::torque_lost:
      return p.joint < config.joints.size() ? ": " + fault_names(p.bits, config.joints[p.joint]) : "";
    case Cause::stale:
      return format(": silent for %.1f s", p.measured);
    case Cause::jumped:
      return format(": by %+.2f rad", p.measured);
    case Cause::missed:
      return format(": %.2f rad, goal %.2f", p.measured, p.goal_rad);
    case Cause::unconfirmed:
      return format(": %.0f attempts failed", p.measured);
    case Cause::gate_tripped:
      return bit_words(kGateCauses, p.bits);
    case Cause::protection:
      return bit_words(kGuardBits, p.bits) + format(" (%.0f C, %.1f V)", p.measured, p.supply_v);
    default:
      return p.note.empty() ? "" : ": " + p.note;
  }
}

}  // namespace

std::string_view summary(Cause cause) noexcept { return kTexts[static_cast<std::size_t>(cause)]; }

std::string describe(const Problem& problem, const RobotConfig& config) {
  const bool whole = problem.joint == Problem::kWholeArm;
  std::string who = whole ? config.name : "joint " + std::to_string(problem.joint);
  if (!whole && problem.joint < config.joints.size()) who = config.joints[problem.joint].name;
  return (who.empty() ? "the arm" : who) + " " + std::string(summary(problem.cause)) +
         numbers(problem, config);
}

std::string describe(const Problems& problems, const RobotConfig& config) {
  std::string all;
  for (const Problem& problem : problems) all += (all.empty() ? "" : "; ") + describe(problem, config);
  return all;
}

}  // namespace motorium
