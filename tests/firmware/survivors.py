"""Why mutants of the portable core that no test notices cannot be noticed; keys as `mutants.py` prints them.

A mutant that stands more than once in a line has one reason for all. What is not here is listed as "not explained".
"""

from __future__ import annotations

SAME_VALUE = "where the two sides are equal, both ways give the same value"
ZERO_ADDS_NOTHING = "a phase of no length, or of a negative one, is left out by add()"
ROUNDING = "only rounding leads there, by less than it matters"
SIZEOF = "inside sizeof, which does not evaluate its operand"
NEVER_NEGATIVE = "the value is never negative, and below zero is as good as zero"
OVERWRITTEN = "set again before it is read"
MORE_ROOM = "an array that is longer than it need be"
SECOND_CHECK = "what is let through here is refused by the check behind it"
COUNT_OF_TWO = "one is counted otherwise, but a second in a row makes two all the same, and only two counts"
NEXT_BYTE = "the byte that is skipped cannot begin a header: it was looked at as the second of one"

_GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "limits": {
        SAME_VALUE: (
            "< -> <= in: return value < least ? least : value > most ? most : value;",
            "> -> >= in: return value < least ? least : value > most ? most : value;",
            ">= -> > in: now_ns >= t_ns ? (uint64_t)now_ns - (uint64_t)t_ns : (uint64_t)t_ns - (uint64_t)now_ns;",
            "<= -> < in: const uint32_t n = config->n_joints <= MTR_MAX_JOINTS ? config->n_joints : MTR_MAX_JOINTS;",
            "< -> <= in: const float direction = error < 0.0f ? -1.0f : 1.0f;",
        ),
        "an effort of zero is within every limit and never gets here": (
            "> -> >= in: if (effort > 0.0f || goal > measured) next = fmin(next, fmax(goal, measured));",
            "< -> <= in: if (effort < 0.0f || goal < measured) next = fmax(next, fmin(goal, measured));",
        ),
        "at a difference of exactly a thousandth of a step, where either is right": (
            "> -> >= in: if (fabsf(speed - wanted) > 1e-3f * slew) {",
            "<= -> < in: const bool arrives = fabs((double)in.target - next) <= (double)(1e-3f * slew * dt);",
        ),
    },
    "guard": {
        SIZEOF: (
            "0 -> (-1) in: for (size_t i = 0; i < sizeof values / sizeof values[0]; ++i) {",
            "0 -> 1 in: for (size_t i = 0; i < sizeof values / sizeof values[0]; ++i) {",
        ),
        SAME_VALUE: (
            "<= -> < in: if (limits->derate_c <= 0.0f || limits->stop_c <= limits->derate_c || celsius <= limits->derate_c)",  # noqa: E501
            "> -> >= in: if (lead > state->slack_rad[j]) *goal = measured + state->ahead[j] * state->slack_rad[j];",
            "> -> >= in: if (own > verdict) verdict = own;",
        ),
        "a supply that is known is above zero, and so never below a threshold of zero": (
            "> -> >= in: if (limits->warn_v > 0.0f && volts < limits->warn_v) bits |= MTR_GUARD_LOW_SUPPLY;",
            "0.0f -> (-1.0f) in: if (limits->warn_v > 0.0f && volts < limits->warn_v) bits |= MTR_GUARD_LOW_SUPPLY;",
            "> -> >= in: if (limits->min_v > 0.0f && volts < limits->min_v) bits |= MTR_GUARD_BAD_SUPPLY;",
            "0.0f -> (-1.0f) in: if (limits->min_v > 0.0f && volts < limits->min_v) bits |= MTR_GUARD_BAD_SUPPLY;",
        ),
        "any rate that is not positive counts as -1": (
            "0.0f -> (-1.0f) in: if (!stands || load < limits->stall_effort * fraction || error < limits->stall_error_rad) return 0.0f;",  # noqa: E501
        ),
        "the divisor is 1 or -1": ("* -> / in: const float lead = (*goal - measured) * state->ahead[j];",),
        "a light joint whose goal leads no further than the slack changes nothing behind it": (
            "return; -> ; in: return;",
        ),
    },
    "profile": {
        SAME_VALUE: (
            "< -> <= in: const double sign = left < 0.0 ? -1.0 : 1.0;",
            "< -> <= in: const double d = fabs(distance), j = distance < 0.0 ? -limits->max_jerk : limits->max_jerk;",
            "> -> >= in: if (!(t_s > 0.0)) return motion;",
            "<= -> < in: if (t_s <= phase->duration_s) return after(motion, phase->jerk, t_s);",
            "< -> <= in: const double ramp = to_peak < 0.0 ? j : -j; /* upwards when it already brakes beyond the bound */",  # noqa: E501
        ),
        ZERO_ADDS_NOTHING: (
            "> -> >= in: const double cruise_s = speed > 0.0 ? d / speed - (2.0 * jerk_s + flat_s) : 0.0;",
            "0.0 -> (-1.0) in: const double cruise_s = speed > 0.0 ? d / speed - (2.0 * jerk_s + flat_s) : 0.0;",
        ),
        ROUNDING: (
            "0.0 -> (-1.0) in: const double wanted = sqrt(fmax(0.0, j * v + a * a / 2.0));",
            "flat_s = fmax(0.0, flat_s); -> ; in: flat_s = fmax(0.0, flat_s);",
            "0.0 -> (-1.0) in: flat_s = fmax(0.0, flat_s);",
        ),
        "one phase more, at an instant that only rounding leaves behind the last": (
            "< -> <= in: for (uint32_t i = 0; i < profile->count; ++i) {",
        ),
    },
    "feetech": {
        MORE_ROOM: ("2 -> 3 in: const uint8_t parameters[2] = {address, size};",),
        SECOND_CHECK: ("> -> >= in: if (n_ids < 1 || size < 1 || n_ids > MTR_FT_MAX_PARAMETERS) return 0;",),
        "moving nothing by nothing": (
            "> -> >= in: if (parser->begin > 0) {",
            "0 -> (-1) in: if (parser->begin > 0) {",
            "> -> >= in: if (taken > 0) memcpy(parser->bytes + held, bytes, taken);",
        ),
        OVERWRITTEN: ("parser->end = (uint16_t)held; -> ; in: parser->end = (uint16_t)held;",),
        SAME_VALUE: (
            "< -> <= in: const size_t taken = n < room ? n : room;",
            "< -> <= in: int64_t magnitude = value < 0 ? -(int64_t)value : value;",
            "0 -> 1 in: int64_t magnitude = value < 0 ? -(int64_t)value : value;",
            "> -> >= in: if (magnitude > most) magnitude = most;",
        ),
        NEXT_BYTE: ("1 -> 2 in: parser->begin += 1;",),
    },
    "dynamixel": {
        MORE_ROOM: (
            "16 -> 17 in: static const uint16_t table[16] = {/* one nibble at a time: small enough for a microcontroller */",  # noqa: E501
            "2 -> 3 in: uint8_t bytes[2];",
        ),
        SECOND_CHECK: ("< -> <= in: if (writer->n < writer->capacity && writer->n < MTR_DXL_MAX_PACKET) {",),
        OVERWRITTEN: (
            "0 -> (-1) in: const uint8_t head[INSTRUCTION] = {0xFF, 0xFF, 0xFD, 0x00, id, 0, 0};",
            "0 -> 1 in: const uint8_t head[INSTRUCTION] = {0xFF, 0xFF, 0xFD, 0x00, id, 0, 0};",
        ),
        COUNT_OF_TWO: (
            "2 -> 1 in: writer->ff = bytes[i] != 0xFF ? 0 : writer->ff < 2 ? (uint8_t)(writer->ff + 1) : 2;",
            "+ -> - in: writer->ff = bytes[i] != 0xFF ? 0 : writer->ff < 2 ? (uint8_t)(writer->ff + 1) : 2;",
        ),
        "an array that is longer than what is put of it": (
            "2 -> 3 in: const uint8_t head[2] = {error, id};",
        ),
        "a writer that is not ok puts nothing more": (
            "0 -> 1 in: mtr_dxl_put16(writer, mtr_dxl_crc(0, writer->out, writer->ok ? writer->n : 0));",
        ),
    },
    "dynamixel_parser": {
        "moving nothing by nothing": (
            "> -> >= in: if (parser->begin > 0) {",
            "0 -> (-1) in: if (parser->begin > 0) {",
            "> -> >= in: if (taken > 0) memcpy(parser->bytes + held, bytes, taken);",
        ),
        SAME_VALUE: (
            "< -> <= in: const size_t taken = n < room ? n : room;",
            "< -> <= in: const size_t left = n - i < HEADER ? n - i : HEADER;",
            "< -> <= in: const size_t here = n < end ? n : end;",
            "0 -> 1 in: if (p[i] == kHeader[0] && memcmp(p + i, kHeader, left) == 0) return i;",
        ),
        "nothing is compared there, and the place is the same": (
            "< -> <= in: for (size_t i = from; i < n; ++i) {",
        ),
        COUNT_OF_TWO: (
            "2 -> 1 in: ff = byte != 0xFF ? 0 : ff < 2 ? ff + 1 : 2;",
            "+ -> - in: ff = byte != 0xFF ? 0 : ff < 2 ? ff + 1 : 2;",
        ),
        "one byte further is behind the end: skipping it ends the loop as well": (
            "+ -> - in: if (byte == 0xFD && ff == 2 && i + 1 < n && bytes[i + 1] == 0xFD) ++i;",
            "1 -> 0 in: if (byte == 0xFD && ff == 2 && i + 1 < n && bytes[i + 1] == 0xFD) ++i;",
            "< -> <= in: if (byte == 0xFD && ff == 2 && i + 1 < n && bytes[i + 1] == 0xFD) ++i;",
        ),
        "with just so many bytes there is nothing to find or to show": (
            "> -> >= in: const size_t second = n > INSTRUCTION && !is_fast(p) ? find_header(p, n, INSTRUCTION) : n;",
            "< -> <= in: if (n < PARAMETERS || !is_possible(parser, p) || !is_fast(p)) return 0;",
            "> -> >= in: if (offset > reply->n_parameters || size + BLOCK - CRC > reply->n_parameters - offset) return 0;",  # noqa: E501
        ),
    },
}
REASONS = {
    name: {change: reason for reason, changes in groups.items() for change in changes}
    for name, groups in _GROUPS.items()
}
"""File -> change -> why no test can tell it from the original."""
