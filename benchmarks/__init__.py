"""The speed and memory figures, in one command: `make bench`."""
