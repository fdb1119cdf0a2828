"""Stage: who may be mailed - importing, segments, the consent ledger, suppression, privacy rights."""
