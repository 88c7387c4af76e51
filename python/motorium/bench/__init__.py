"""Comparisons with other implementations: contenders alternate in one process, and the figures are ratios."""
