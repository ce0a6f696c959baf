"""Questions to a registry, with typed answers: the door to what is stored, for pages and commands (docs/architecture.md)."""

from harness.registry.db.reader import Reader as Reader
