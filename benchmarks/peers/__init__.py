"""The same job by other means, each a program of its own: `python -m benchmarks.peers.NAME`."""
