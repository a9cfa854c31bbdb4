"""What we keep: tables, saving, reading, migrations, exports."""
