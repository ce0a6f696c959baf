"""A registry as files, its audit, and what a reader remembers of it."""
