"""How long a test waits for what must come: a busy machine is slow, and nothing waits longer than it must."""

PATIENCE_S = 900
