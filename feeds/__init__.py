"""What readers subscribe to: events told as entries, and entries written as RSS, Atom and OPML. Pure, no I/O."""
