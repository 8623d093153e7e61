"""Files on disk: digests, locks, atomic replacement, paths."""
