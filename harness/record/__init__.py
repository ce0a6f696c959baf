"""The record of a run: schema, bytes, samples, files. A leaf: it knows nothing of how a record came to be."""
