"""Step ``shallow``: sequential against parallel residual nets (arXiv 2309.08414)."""
