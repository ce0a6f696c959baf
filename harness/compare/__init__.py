"""Two records: which is faster, and whether they compute the same model."""
