"""A registry that a service keeps, asked and told over HTTP: what it answers is verified as far as arithmetic goes."""
