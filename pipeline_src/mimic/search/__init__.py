"""Bayesian optimisation in rounds: the finished trials' files are the database."""
