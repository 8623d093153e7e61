"""The saved encoder: its manifest, its thresholds and the runtimes that execute it."""
