"""Customers: what they agreed to, what they may ask for, what is kept of them, and segments of them."""
