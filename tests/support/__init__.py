"""Worlds, doubles and small models that several tests share."""
