"""From bytes of a stranger to values that the rules take: records, devices, other tools' logs."""
