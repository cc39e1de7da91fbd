"""Arguments that are files or folders, which a shell completes."""

import shtab


def add_file(sub, *names, **options):
    """As ``add_argument``, of a file."""
    sub.add_argument(*names, **options).complete = shtab.FILE


def add_folder(sub, *names, **options):
    """As ``add_argument``, of a folder."""
    sub.add_argument(*names, **options).complete = shtab.DIRECTORY
