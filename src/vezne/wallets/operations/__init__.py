"""What wallets do, one file a verb family."""
