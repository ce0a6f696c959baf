"""Suites and models: find, load, fetch, and check by digest."""
