"""Chunks in, gated goals out: the control thread, its lock-step twin, and the inference loop above them."""
