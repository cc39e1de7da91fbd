"""Step ``teachers``: deep nets under Bayesian optimisation (Urban 2.6, 2.7)."""
