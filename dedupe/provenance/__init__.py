"""Verified group to its original: which file stays, and what was done to the others."""
