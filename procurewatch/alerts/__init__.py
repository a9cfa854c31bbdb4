"""Alerts: what is new in a search or about an award, sent by e-mail, by a chat service or to a webhook."""
