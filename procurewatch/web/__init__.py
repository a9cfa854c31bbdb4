"""The reading room: the site over HTTP, with search, pages on vendors and agencies, and review."""
