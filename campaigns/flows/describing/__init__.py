"""A campaign as a marketer describes it: made, written, agreed upon, and read by whoever carries it out."""
