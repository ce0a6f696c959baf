"""The public face of a hub: a static site, made from what the hub says and nothing else. Reads, never writes, a hub."""
