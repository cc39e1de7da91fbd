"""Settings of a search, used by the sections ``teachers`` and ``students``."""

from pydantic import Field

from mimic.config.base import Settings


class SearchSettings(Settings):
    """Rounds of Bayesian optimisation: a scrambled Sobol round, then batches of a Gaussian process."""

    trials: int = Field(ge=1, description="Trials of the study in all")
    first_round: int = Field(ge=1, description="Trials of the first, quasi-random round")
    round_size: int = Field(ge=1, description="Trials a later round, run side by side")

    def n_rounds(self):
        """Number of rounds that the trials make."""
        later = max(0, self.trials - self.first_round)
        return 1 + -(-later // self.round_size)

    def trials_of_round(self, round_index):
        """Range of trial numbers of a round; the last round may be smaller."""
        if not 0 <= round_index < self.n_rounds():
            raise ValueError(f"expected a round in 0..{self.n_rounds() - 1}, got {round_index}")
        start = 0 if round_index == 0 else self.first_round + (round_index - 1) * self.round_size
        stop = self.first_round + round_index * self.round_size
        return range(start, min(stop, self.trials))

    def proposals_of_round(self, round_index):
        """Range of the trial numbers that a round proposes: all of it, also where the search ends inside.

        So `trials` may grow within its last round, and none of that round's trials runs again.
        """
        numbers = self.trials_of_round(round_index)
        return range(numbers.start, self.first_round + round_index * self.round_size)

    def round_of_trial(self, trial):
        """Round that a trial belongs to."""
        if not 0 <= trial < self.trials:
            raise ValueError(f"expected a trial in 0..{self.trials - 1}, got {trial}")
        return 0 if trial < self.first_round else 1 + (trial - self.first_round) // self.round_size
