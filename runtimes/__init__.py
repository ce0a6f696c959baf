"""Inference engines behind one interface: `interface.py` says what an adapter is, `table.py` finds it by name."""
