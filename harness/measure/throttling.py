"""Which of NVML's reasons for a lower clock spoil a trial."""

# NVML's clock event reasons. A power cap is normal work for a laptop or a prefill; these four are not.
SW_THERMAL, HW_SLOWDOWN, HW_THERMAL, HW_POWER_BRAKE = 0x20, 0x8, 0x40, 0x80
THROTTLING = SW_THERMAL | HW_SLOWDOWN | HW_THERMAL | HW_POWER_BRAKE
