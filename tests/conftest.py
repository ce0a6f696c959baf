"""Settings that hold for every test."""

from hypothesis import HealthCheck, settings

# Two noisy cores: neither deadlines nor slow generation say anything about the code.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")
