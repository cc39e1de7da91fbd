"""What every stage's command line shares: settings as JSON, and errors in one line.

Exit codes are those of `EXIT_CODES`; a fault of the program shows its traceback and ends with 1, too.
"""

import argparse
import contextlib
import difflib
import errno
import json
import os
import resource
import sys
import time

from pydantic import TypeAdapter, ValidationError

from mimic.termination import StartAgain, Terminated, raised

#: As ``--help`` says them; Snakemake's ``--retries`` repeats what ended with 75.
EXIT_CODES = """\
exit codes: 0 done, 1 an input is wrong (one line tells), 2 the command line,
  75 SIGTERM or a failed GPU (the same command goes on), 130 interrupted"""


#: What to do about a file that is missing, or not what was written.
MAKE_FIRST = "make it first (snakemake --cores all), or name another"
MAKE_AGAIN = "delete it and make it again (snakemake --cores all), or get it again from where it came"


class InputError(ValueError):
    """Something that a user gave is wrong: says where, what was expected, what was found and what to do."""


class OneLineParser(argparse.ArgumentParser):
    """A wrong command line is one line, not a page of usage: jobs' logs are read by their last line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}; {self.prog} --help\n")


def whole_number(least):
    """Type of an option: a whole number that is not below `least`.

    Parameters
    ----------
    least : int

    Returns
    -------
    callable, str -> int
    """

    def parse(text):
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least}, got {_short(text)}")
        return number

    return parse


def stage_parser(module_doc, module_name):
    """Parser of a stage that runs as ``python -m <module_name>``.

    Parameters
    ----------
    module_doc : str
        Docstring of the stage's module; its first paragraph becomes the description.
    module_name : str
        ``__spec__.name`` of the module, for the usage line.
    """
    return OneLineParser(
        prog=f"python -m {module_name}",
        description=module_doc.strip().split("\n\n")[0],
        epilog=EXIT_CODES,
        formatter_class=_StageHelp,
    )


class _StageHelp(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Defaults after each option; lines of the description as they stand."""


def validation_message(error, where, model=None):
    """One line out of a pydantic error: the key, what is wrong with it, what was given.

    Parameters
    ----------
    error : pydantic.ValidationError
    where : str
        File or option.
    model : type, optional
        What was validated; an unknown key is then answered with its neighbour.
    """
    lines = []
    for item in error.errors():
        key = ".".join(_printable(part) for part in item["loc"]) or "(top level)"
        given = "" if item["type"] == "missing" else f", got {_short(item['input'])}"
        reason = item["msg"].removeprefix("Value error, ")
        if item["type"] == "value_error" and (", got " in reason or isinstance(item["input"], dict)):
            given = ""  # it says what was found, of a whole section perhaps
        if item["type"] == "extra_forbidden":
            reason, given = "unknown key" + _neighbour(item["loc"], model), ""
        lines.append(f"{where}: {key}: {reason}{given}")
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return lines[0] + more


def _neighbour(loc, model):
    """``; did you mean seed?`` of an unknown key, out of the keys of its model."""
    for part in loc[:-1]:
        fields = getattr(model, "model_fields", {})
        model = fields[part].annotation if part in fields else None
    names, key = getattr(model, "model_fields", {}), str(loc[-1])
    if not names or len(key) > 100:  # a key of an untrusted file: comparing takes memory
        return ""
    near = difflib.get_close_matches(key, names, 1, 0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _printable(part):
    """A key of an untrusted file, which could hold a newline or a megabyte."""
    text = str(part)
    return text if text.isprintable() and len(text) <= 100 else _short(text)


def _short(value, limit=60):
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def parse_settings(model, text, where="--settings"):
    """Settings of a stage from JSON.

    Parameters
    ----------
    model : pydantic model, or any type pydantic can validate
    text : str
        JSON, as the rule passes it.

    Raises
    ------
    InputError
        If the JSON is broken or does not fit the model; names the key.
    """
    try:
        return TypeAdapter(model).validate_python(json.loads(text), strict=False)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{where}: not JSON: {error}") from None
    except ValidationError as error:
        raise InputError(validation_message(error, where, model)) from None


def _cost(seconds):
    """What this process took, in a line; memory as the system's limits count it, without the page cache."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    megabytes = peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6  # bytes there, KiB elsewhere
    return f"done in {seconds:.1f} s, memory {megabytes:.0f} MB at most"


def run_stage(main, argv=None, tells_cost=True):
    """Run a stage's ``main`` and turn what a user can cause into one line and an exit code.

    Parameters
    ----------
    main : callable
        Takes `argv`.
    argv : list of str, optional
    tells_cost : bool
        Close the log with what the stage took, for a cluster's limits of time and memory.
    """
    started = time.monotonic()
    try:
        with raised():
            main(argv)
        if tells_cost:
            print(_cost(time.monotonic() - started), file=sys.stderr)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os._exit(1)  # the reader of our output has gone; nothing is left to say
    except OSError as error:
        if error.filename is None:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
                raise
            print(f"error: {error.strerror}", file=sys.stderr)
            return 1
        print(f"error: {error.filename}: {error.strerror or error}", file=sys.stderr)
        return 1
    except MemoryError:
        print("error: not enough memory; is a file larger than it should be?", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Terminated:
        print("terminated: run the same command again to go on", file=sys.stderr)
        return os.EX_TEMPFAIL
    except StartAgain as error:
        print(f"error: {error}", file=sys.stderr)
        if error.environ is not None:
            _start_again(error.environ)
        return os.EX_TEMPFAIL
    return 0


def _start_again(environ):
    """Replace this process by the same command line; returns only if that cannot be."""
    sys.stdout.flush()
    sys.stderr.flush()
    with contextlib.suppress(OSError):
        # Python's own descriptors are closed by this; what a library opened could keep a device busy.
        for name in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                os.set_inheritable(int(name), int(name) <= 2)
    with contextlib.suppress(OSError):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], dict(environ))
