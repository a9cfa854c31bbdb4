"""The demo: real awards, and a fake USAspending that serves them over HTTP on this machine."""
