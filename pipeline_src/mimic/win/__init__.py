"""Step win (Zhou et al., ICML 2020): thin nets that imitate a wide one block by block; `mimic` says more."""
