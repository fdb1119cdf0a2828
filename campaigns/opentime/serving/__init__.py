"""What is known of openers, and what was served to them, in memory, Redis and on disk."""
