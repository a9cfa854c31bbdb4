"""The schema: tables and their columns, public fields, SQL views, and the coding of payloads."""
