"""How much memory a model will hold, and where: one estimate for `repro fit` and for the check before a run. Pure."""
