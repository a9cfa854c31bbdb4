"""What the command line shows of itself: its name, its help, its options."""
