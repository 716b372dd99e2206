"""The wallets' SQL, one file a table family."""
