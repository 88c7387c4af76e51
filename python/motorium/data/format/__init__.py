"""Read what lies in a dataset, and describe it: files, schema, rows, videos, statistics."""
