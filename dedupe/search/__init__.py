"""Embeddings to candidate pairs: exact, by cells (IVF) and incremental."""
