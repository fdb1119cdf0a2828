"""Floor 2: what a campaign did."""
