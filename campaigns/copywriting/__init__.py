"""Stage copywriting: what to say. A brief becomes a copy that states no fact and passes the guard."""
