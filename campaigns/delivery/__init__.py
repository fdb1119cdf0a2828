"""Floor 2: getting the mail there. SMTP, capture into a folder, the journal, reply codes, retries.

Start reading at `transport.py`: the contract that everything here keeps.
"""
