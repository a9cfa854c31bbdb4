"""The watchlist, the matcher, and the runs: polls, backfills, imports and their schedule."""
