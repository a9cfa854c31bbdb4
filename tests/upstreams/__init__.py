"""Local stand-ins for the public APIs, and the ways they can fail."""
