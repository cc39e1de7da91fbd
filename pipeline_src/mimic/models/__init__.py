"""Nets: described as data (no torch needed to count them), built in torch, solved for a budget."""
