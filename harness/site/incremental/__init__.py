"""Which pages a build makes again, who makes them, and how they are put in place."""
