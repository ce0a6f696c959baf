"""A demonstration registry and the records of operators who do not exist."""
