"""The words of a campaign: cells, samples, budgets, batches, and where words are kept."""
