"""What can be done with orders, one file a family of verbs."""
