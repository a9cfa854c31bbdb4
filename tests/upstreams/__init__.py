"""Local fake servers for the public APIs, and the ways they can fail."""
