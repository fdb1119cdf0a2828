"""What the commands of `campaigns.cli` do, one subject a file: a face, like `web` and `workers`."""
