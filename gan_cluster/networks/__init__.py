"""Networks: generators, discriminator trunks and their heads."""
