"""The demo: real awards, and a stand-in for USAspending that serves them over HTTP on this machine."""
