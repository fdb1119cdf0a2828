"""What this machine does: each stage measured on real servers, beside a floor measured in the same run."""
