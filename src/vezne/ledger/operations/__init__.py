"""What the ledger does, one file a verb family."""
