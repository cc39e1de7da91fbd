"""The learning rate follows the validation error (Urban 2.6)."""


class HalvingSchedule:
    """Halve the rate when the error does not drop, stop when that goes on.

    The rate is halved after an epoch when the validation error has not dropped for `halve_patience` epochs
    in a row and more than `halve_cooldown` epochs have passed since the last halving. Training is over when
    the error has not dropped for `stop_patience` epochs in a row, when the rate has been reduced more than
    `stop_reduction`-fold, or after `max_epochs`.

    Reading: a halving does not restart the count of epochs without a drop, so that with the paper's numbers
    (10, 8, 30) an error that never drops again halves the rate 10, 19 and 28 epochs after its minimum and
    ends training at 30. A drop is any new minimum.

    Parameters
    ----------
    learning_rate : float
        Initial rate.
    settings : mimic.config.training.TrainingSettings
    """

    def __init__(self, learning_rate, settings):
        self.initial_rate = self.rate = float(learning_rate)
        self.settings = settings
        self.epoch = 0
        self.best_error = float("inf")
        self.best_epoch = 0
        self.halved_epoch = None
        self.stop_reason = None

    def step(self, validation_error):
        """Take note of an epoch's validation error.

        Parameters
        ----------
        validation_error : float
            Fraction of validation images that are classified wrongly.

        Returns
        -------
        bool
            Whether the error dropped.
        """
        settings = self.settings
        self.epoch += 1
        dropped = validation_error < self.best_error
        if dropped:
            self.best_error, self.best_epoch = validation_error, self.epoch
        without_drop = self.epoch - self.best_epoch
        rested = self.halved_epoch is None or self.epoch - self.halved_epoch > settings.halve_cooldown
        if without_drop >= settings.halve_patience and rested:
            self.rate /= 2
            self.halved_epoch = self.epoch
        if without_drop >= settings.stop_patience:
            self.stop_reason = f"no drop for {settings.stop_patience} epochs"
        elif self.initial_rate / self.rate > settings.stop_reduction:
            self.stop_reason = f"rate reduced more than {settings.stop_reduction:g}-fold"
        elif self.epoch >= settings.max_epochs:
            self.stop_reason = "last epoch"
        return dropped
