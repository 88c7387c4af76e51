"""Make new datasets from old ones: delete, merge, split, mirror, convert, import."""
