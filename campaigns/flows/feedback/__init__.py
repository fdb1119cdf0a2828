"""What comes back of mails: clicks, bounces, complaints, mail that arrives, and what providers tell."""
