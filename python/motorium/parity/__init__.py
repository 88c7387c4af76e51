"""Recorded cases of other implementations, run on this engine so that the results can be compared."""
