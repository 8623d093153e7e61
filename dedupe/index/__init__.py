"""The index: embeddings, pairs and verdicts of earlier scans, in SQLite."""
