"""Step ``epochs``: the pregenerated augmented passes over the training set (Urban 2.5)."""
