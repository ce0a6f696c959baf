"""How a row earns its confidence: matching, rings, voices, verdicts, states, tiers. Pure functions over plain values."""
