"""Checks of input; their errors are raised before any training."""
