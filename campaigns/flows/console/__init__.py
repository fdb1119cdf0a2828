"""The people who use the console and the programs that use the API: signing in, keys, and who did what."""
