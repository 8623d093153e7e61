"""Find near-duplicate images, and never lose a photo."""
