"""Clusters for rehearsals in tests."""

#: All that a cluster adds to the work is left out.
NO_OVERHEAD = {
    "plan_seconds": 0,
    "release_seconds": 0,
    "submit_seconds": 0,
    "queue": {"median": 0},
    "start_seconds": 0,
    "init_seconds": 0,
    "requeue_seconds": 0,
}
