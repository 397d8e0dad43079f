"""Training: stages, the loop, batches, augmentation, the net, callbacks and random numbers."""
