"""Where input is looked at: every error here comes before any training."""
