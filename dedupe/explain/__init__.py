"""Why two images are, or are not, a copy: numbers and figure."""
