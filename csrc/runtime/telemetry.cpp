#include "runtime/telemetry.hpp"

namespace motorium {

std::vector<TickRecord> TelemetryReader::drain(const HistoryRing<TickRecord>& history) {
  const std::uint64_t begin = history.begin(), end = history.end();
  if (next_ < begin) {
    overwritten_ += begin - next_;
    next_ = begin;
  }
  std::vector<TickRecord> records;
  records.reserve(end - next_);
  for (; next_ < end; ++next_) {
    TickRecord record;
    if (history.get(next_, record)) {
      records.push_back(record);
    } else {
      ++overwritten_;
    }
  }
  return records;
}

}  // namespace motorium
