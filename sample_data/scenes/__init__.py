"""The scenes that render.py photographs: each function takes a seed and returns a picture."""
