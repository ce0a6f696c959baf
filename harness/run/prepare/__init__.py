"""Before a run: what is asked, what is in place, what must be refused."""
