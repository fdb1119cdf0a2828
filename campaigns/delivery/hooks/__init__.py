"""Webhooks of mail providers: is it really they who speak, and what do they say, in one vocabulary."""
