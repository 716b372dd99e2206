"""What identity does, one file a verb family."""
