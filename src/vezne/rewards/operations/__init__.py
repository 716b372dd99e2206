"""What is done, one file a verb family."""
