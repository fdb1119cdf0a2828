"""What the weather is there, from whom, and how long it is believed."""
