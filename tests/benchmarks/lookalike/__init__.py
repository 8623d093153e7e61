"""Draw unique pictures that are similar to each other."""
