"""Is a record what it says: held against the suite that it names, and its samples against the plan of its run. Pure."""
