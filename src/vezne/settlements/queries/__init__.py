"""The SQL of settlements, one file a family of tables."""
