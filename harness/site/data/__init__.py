"""From a registry's answers to the values that pages take."""
