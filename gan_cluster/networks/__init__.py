"""Modules only: generators, discriminator trunks and the heads that sit on them."""
