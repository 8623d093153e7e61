"""Files to pixels: formats, decoders and conversion to RGB."""
