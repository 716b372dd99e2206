"""What can be done with payments, one file a family of verbs."""
