"""Measurements: each is a command anyone can run, and prints what it measured beside what it is measured against."""
