"""Make new datasets from old ones: delete, merge, split, mirror, convert, import."""

from ...moved import names_of

__getattr__ = names_of(
    "motorium.data.edit.edits", "delete", "downsample", "everything", "merge", "numbers", "relabel", "split"
)
