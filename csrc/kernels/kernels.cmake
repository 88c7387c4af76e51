# The kernel library: one source per instruction set, chosen at run time.
