"""Alerts: who wants to be sent what, and what was sent."""
