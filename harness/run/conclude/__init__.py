"""After a run: checks, energy, and the record that all of it makes."""
