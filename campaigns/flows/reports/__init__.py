"""What became of campaigns: reports, experiments, and how good the recommender is."""
