#pragma once

#include <vector>

#include "core/guard.h"

namespace motorium {

/// Throws std::invalid_argument when there are more joints than a robot can have.
mtr_guard_config guard_config(const std::vector<mtr_guard_joint>& joints, float dt_s);

}  // namespace motorium
