"""Drawings by hand: SVG, PNG, badges, the network, charts."""
