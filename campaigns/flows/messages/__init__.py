"""Single mails that a shop's programs ask for."""
