"""What can be done with settlements and payouts, one file a family of verbs."""
