"""The table of all benchmarks, made from their results.

    python benchmarks/tabulate_results.py [--check]

Writes ``benchmarks/README.md`` from the newest result of each benchmark on each machine in
``benchmarks/results``. With ``--check`` it writes nothing and exits with 1 if the file is not what the
results say. Results without claims are skipped.
"""

import argparse
import ast
import difflib
import json
import sys
from pathlib import Path

from recording import hardware_name

FOLDER = Path(__file__).resolve().parent
INTRO = """\
# Benchmarks

Made from `results/` by `python benchmarks/tabulate_results.py`: change no number here.

`make bench` measures all of it; one script alone runs as its docstring says. A claim has its competitor
beside it in the same run: after a warm-up the entries take turns, round by round, in one process or, where
settings of a process matter, in several, and a value is the median of the rounds. A ratio above 1 means that
ours is better; in brackets the same ratio in the worst and in the best round. Three are otherwise:
`accuracy` has means over seeds, the matrix rate beside `labelling` and `paper_on_one_gpu` is measured before
or after, and `paper_on_one_gpu` runs once. In `training_step` ours is a job of one thread a core, as the
workflow runs them, and a peer one process with all cores. Each run is a dated JSON in `results/` with all
rounds, the processor, cores, threads, memory, GPU and its driver, versions, the load before, and the commit
of the code; the newest of each machine is shown.
"""
COLUMNS = ("what", "ours", "peer", "its value", "ratio", "rounds", "machine", "date", "commit")


def read_results(folder):
    """The newest result of each benchmark on each machine, sorted by both.

    Returns
    -------
    list of dict
    """
    newest = {}
    for path in sorted(Path(folder).glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        if not result.get("claims"):
            print(f"{path.name}: skipped, it has no claims", file=sys.stderr)
            continue
        key = (result["benchmark"], machine_of(result))
        if key not in newest or newest[key]["date"] <= result["date"]:
            newest[key] = result
    return [newest[key] for key in sorted(newest)]


def machine_of(result):
    """The GPU, or the processor with its cores."""
    name = hardware_name(result)
    return name if result.get("gpu") else f"{name}, {result['n_cores']} cores"


def first_paragraph(script):
    """What a benchmark measures: the first paragraph of the script's docstring, on one line."""
    docstring = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")))
    return " ".join(docstring.split("\n\n")[0].split())


def number(value):
    """Three digits that matter, thousands marked."""
    if abs(value) >= 100:
        digits = max(0, len(str(int(abs(value)))) - 3)
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"


def ratio(claim):
    """The ratio and its range over the rounds, where there is more than one."""
    median = f"{number(claim['ratio'])}x"
    if claim["n_rounds"] == 1:
        return median
    return f"{median} ({number(claim['ratio_low'])} to {number(claim['ratio_high'])})"


def row(claim, result):
    """One line of a table."""
    cells = (
        claim["what"],
        f"{number(claim['ours'])} {claim['unit']}",
        claim["peer"],
        number(claim["peer_value"]),
        ratio(claim),
        str(claim["n_rounds"]),
        machine_of(result),
        result["date"],
        f"`{result['commit']}`" if result.get("commit") else "not known",
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def render(results, scripts):
    """The whole file.

    Parameters
    ----------
    results : sequence of dict
        From `read_results`.
    scripts : path
        Folder of the scripts, whose docstrings introduce the tables.

    Returns
    -------
    str
    """
    lines = [INTRO]
    for benchmark in sorted({result["benchmark"] for result in results}):
        lines += [f"## {benchmark}", "", first_paragraph(Path(scripts) / f"{benchmark}.py"), ""]
        lines += ["| " + " | ".join(COLUMNS) + " |", "| " + " | ".join("---" for _ in COLUMNS) + " |"]
        for result in results:
            if result["benchmark"] == benchmark:
                lines += [row(claim, result) for claim in result["claims"]]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def main(argv=None):
    """Write the table or check it.

    Returns
    -------
    int
        1 if the check fails.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=FOLDER / "results", help="folder")
    parser.add_argument("--out", type=Path, default=FOLDER / "README.md")
    parser.add_argument("--check", action="store_true", help="compare only")
    arguments = parser.parse_args(argv)
    text = render(read_results(arguments.results), FOLDER)
    if not arguments.check:
        arguments.out.write_text(text, encoding="utf-8")
        return 0
    found = arguments.out.read_text(encoding="utf-8") if arguments.out.exists() else ""
    difference = difflib.unified_diff(
        found.splitlines(), text.splitlines(), str(arguments.out), "what the results say", lineterm="", n=0
    )
    for line in difference:
        print(line, file=sys.stderr)
    return int(found != text)


if __name__ == "__main__":
    sys.exit(main())
