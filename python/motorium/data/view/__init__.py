"""Show a dataset: a page that stands alone, or the Rerun viewer."""
