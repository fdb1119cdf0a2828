"""What a slot can be, and which picture of it is shown."""
