"""What a model will do on a device that nobody measured it on: intervals with a measured coverage. Pure, no I/O."""
