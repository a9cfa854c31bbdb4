"""Turns events into feeds (Atom, RSS, JSON Feed, OPML), pages, citations and FOIA letters. Pure: no I/O."""
