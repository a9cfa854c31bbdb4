"""What we look for and when: watchlist, matcher, the one run pipeline, backfills, schedule."""
