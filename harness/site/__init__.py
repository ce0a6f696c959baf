"""The public face of a registry: a static site, made from what the registry says and nothing else. Reads, never writes."""

from harness.extras import needs

needs("site", __name__)
