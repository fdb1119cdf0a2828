"""From frozen sends to the relay's answer: claimed, tailored, written out, handed over, and found again after faults."""
