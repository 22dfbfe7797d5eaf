"""The runtime for functions that bring their own; see main.py."""
