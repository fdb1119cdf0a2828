"""Floor 0: settings, database, clock, errors, signed tokens, crypto, logging, embedded servers."""
