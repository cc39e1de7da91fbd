"""Step ``students``: shallow nets at exact budgets (Urban 2.8, 6.2, 6.3)."""
