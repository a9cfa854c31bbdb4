"""What an administrator does with the database: state, check, backup, restore, vacuum."""
