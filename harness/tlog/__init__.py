"""The transparency log: entries, events, Merkle tree, tiles, checkpoints. Pure."""
