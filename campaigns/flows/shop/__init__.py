"""What comes from the shop, as files or as it happens, and the recommender that learns from it."""
