"""Conformance: the published record format, a verifier written from it alone, and vectors that both it and `repro` must judge alike."""
