"""The one loop: batches, augmentation, the adversarial net, callbacks and random numbers."""
