"""Requests that nobody honest sends, made anew from a seed: for the tests a few of each family, for the benchmark ten thousand."""
