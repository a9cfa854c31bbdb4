"""The service: everything in one process until it is stopped, and what it says about its state."""
