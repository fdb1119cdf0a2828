"""Mails that are looked at before they go: previews, test mails, and what preflight finds."""
