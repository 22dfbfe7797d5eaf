"""The Python runtime of a guest; see main.py."""
