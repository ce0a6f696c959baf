"""The public face of a registry: a static site, made from what the registry says and nothing else. Reads, never writes.

What draws (`draw`) and what renders (`pages/render.py`) knows no registry: a report of records uses it, too.
"""
