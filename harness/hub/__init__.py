"""A hub: the signed events that it took, the log that proves their order, and the facts that follow from them."""
