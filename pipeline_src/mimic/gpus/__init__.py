"""The GPUs of one machine, shared by a user's jobs: which there are, who has a place where, which failed."""
