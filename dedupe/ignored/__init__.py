"""The pairs of contents that a person ruled out as duplicates."""
