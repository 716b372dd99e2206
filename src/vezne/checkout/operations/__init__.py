"""What can be done at a checkout, one file a family of verbs."""
