"""Step ``shared``: another run's targets, with which students are trained without any teacher."""
