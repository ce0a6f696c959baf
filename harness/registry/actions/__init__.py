"""The verbs of a registry: each appends a signed event."""
