"""What the widget does, one file a family of verbs."""
