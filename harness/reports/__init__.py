"""Records as one HTML file: a record, a comparison, a sweep, a matrix, a curve. Reads, and asks the network for nothing."""
