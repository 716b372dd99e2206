"""Promotions and their codes over HTTP. What they do for a basket is asked of the orders."""
