"""A registry as a service over HTTP: what strangers sign goes to its log, and receipts come back.

It asks `registry.queries`, acts through `registry.actions`, and holds one key: the registry's own, which signs checkpoints.
"""
