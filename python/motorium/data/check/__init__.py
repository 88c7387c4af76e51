"""Judge a dataset by rules; each yields findings."""
