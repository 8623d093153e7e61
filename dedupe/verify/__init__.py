"""Candidate pair to verdict: copy or not."""
