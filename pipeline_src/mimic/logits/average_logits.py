"""Average the members' logits, before the softmax, into the students' targets (Urban 2.7)."""

import hashlib
import sys

import numpy as np

from mimic.artifact import provenance_of
from mimic.cli import InputError, run_stage, stage_parser
from mimic.ensemble.store import read_members
from mimic.fingerprint import of_stage
from mimic.logits.store import (
    MEMBER_FORMAT,
    TARGETS_FORMAT,
    StoredLogits,
    read_epoch_digests,
    write_logits,
)
from mimic.progress import Report

STAGE = "mimic.logits.average_logits"


def average_logits(member_logits):
    """Mean over members, not over batches.

    Parameters
    ----------
    member_logits : sequence of float array, shape (n, n_classes)
        One a member, rows in the same order.

    Returns
    -------
    float64 array, shape (n, n_classes)

    Raises
    ------
    ValueError
        If the shapes differ (broadcasting would hide it).
    """
    total = np.zeros(member_logits[0].shape, np.float64)
    for logits in member_logits:
        if logits.shape != total.shape:
            raise ValueError(f"expected logits of shape {total.shape}, got {logits.shape}")
        total += logits
    return total / len(member_logits)


def main(argv=None):
    parser = stage_parser(__doc__, STAGE)
    parser.add_argument("--dtype", required=True, choices=["float16", "float32"], help="stored type")
    parser.add_argument("--members", required=True, help="members.json of the ensemble")
    parser.add_argument("--logits", nargs="+", required=True, help="logits of every member")
    parser.add_argument("--targets", required=True, help="file to write")
    args = parser.parse_args(argv)
    expected = read_members(args.members)
    digests, n_images = read_epoch_digests(args.logits[0], MEMBER_FORMAT)
    stored = [StoredLogits(path, MEMBER_FORMAT, digests, n_images) for path in args.logits]
    for logits in stored:
        if len(logits.members) != 1:
            raise InputError(
                f"{logits.path}: expected the logits of one member, got {len(logits.members)} members"
            )
        if logits.n_classes != stored[0].n_classes:
            raise InputError(f"{logits.path}: expected {stored[0].n_classes} classes, got {logits.n_classes}")
    members = [member for logits in stored for member in logits.members]
    found = [member.trial for member in members]
    if sorted(found) != sorted(expected):
        raise InputError(f"{args.members}: expected logits of trials {expected}, got {found}")
    # The sum depends on the order at the last bit: take the members as the ensemble names them.
    order = sorted(range(len(found)), key=lambda i: expected.index(found[i]))
    stored, members = [stored[i] for i in order], [members[i] for i in order]
    epoch_digests = [digests[epoch] for epoch in sorted(digests)]
    provenance = provenance_of(
        "average_logits",
        {"dtype": args.dtype},
        None,
        of_stage(STAGE),
        epochs=hashlib.sha256(b"".join(epoch_digests)).hexdigest(),
        members={str(member.trial): member.weights_digest for member in members},
    )
    with Report("epoch", len(epoch_digests)) as report:

        def averaged():
            for epoch in range(len(epoch_digests)):
                yield average_logits([logits.epoch(epoch) for logits in stored])
                report.step(n_images=n_images)

        write_logits(
            args.targets,
            TARGETS_FORMAT,
            averaged(),
            epoch_digests,
            n_images,
            stored[0].n_classes,
            args.dtype,
            members,
            provenance,
        )


if __name__ == "__main__":
    sys.exit(run_stage(main))
