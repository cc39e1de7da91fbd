"""What a cell of Table 1 or 2 says: a study's chosen trial, in percent, beside the paper's number."""

from mimic.report.trials import percent


def accuracy_text(value):
    """Percent as printed: two decimals, empty for None."""
    return "" if value is None else f"{value:.2f}"


def measured(trials, chosen, published_pct):
    """Columns that a study's chosen trial fills.

    Parameters
    ----------
    trials : DataFrame
        All trials of the study.
    chosen : Series or None
        Row of the chosen trial; None leaves its columns as they are.
    published_pct : float or None
        The paper's accuracy in percent, where it has the same net.

    Returns
    -------
    dict of str to value
    """
    row = {"n_trials": len(trials), "n_diverged": int((trials["status"] == "diverged").sum())}
    if chosen is not None:
        keys = ("n_parameters", "architecture", "trial", "seed", "epochs", "seconds")
        row |= {key: chosen[key] for key in keys}
        row["validation_accuracy_pct"] = percent(chosen["validation_accuracy"])
        row["test_accuracy_pct"] = percent(chosen["test_accuracy"])
        row["difference"] = difference(row["test_accuracy_pct"], published_pct)
    return row


def difference(measured_pct, published_pct):
    """Measured minus published accuracy in percentage points, or None where the paper has no such net."""
    return None if published_pct is None else round(measured_pct - published_pct, 2)


def without_paper(long):
    """A long table whose columns with the paper's values and differences are empty.

    For images other than the paper's: its values say nothing about them.
    """
    columns = [name for name in long.columns if name.startswith("paper_") or name == "difference"]
    return long.assign(**dict.fromkeys(columns))
