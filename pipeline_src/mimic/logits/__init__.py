"""Step ``logits``: what the ensemble says about every stored image (Urban 2.2, 2.7)."""
