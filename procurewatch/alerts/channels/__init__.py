"""The channels of alerts: e-mail, everything that Apprise knows, and webhooks."""
