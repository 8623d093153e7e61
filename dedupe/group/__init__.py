"""Verified pairs to groups round a keeper."""
