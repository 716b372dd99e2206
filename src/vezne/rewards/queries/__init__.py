"""The SQL, one file a family of tables."""
