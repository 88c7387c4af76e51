#pragma once

namespace motorium {

/// Guards SIGTERM and SIGHUP where they would kill the process at once (SIG_DFL): a thread of its own first
/// lets every loop bring its arm to rest, then kills the process. For arms opened where no other handler can
/// be installed, such as outside Python's main thread. Any thread; safe to call again. Returns whether either
/// signal is guarded. Throws std::system_error when no thread can be made.
bool guard_termination();
/// Whether signal `number` has a handler other than the default, "ignore" and guard_termination's own.
bool has_signal_handler(int number) noexcept;
/// Restores the default of both signals, unless somebody else has installed a handler.
void unguard_termination() noexcept;

}  // namespace motorium
