"""What happens when a mail is opened: who asks, what a slot shows, and that it is always answered."""
