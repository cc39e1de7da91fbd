"""Training shared by teachers, students and hard-label nets (Urban 2.6)."""
