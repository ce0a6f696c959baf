"""Questions to a registry, with typed answers."""
