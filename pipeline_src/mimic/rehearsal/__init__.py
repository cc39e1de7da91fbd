"""Rehearsal of a run on a cluster: its jobs, how long they take, and what they would wait for."""
