"""What README and docs/ say is there: commands, options, files, rules, keys, links."""

import argparse
import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import yaml

from mimic.console.main import parser
from mimic.console.stages import STAGES
from mimic.fingerprint import modules_of

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
STEPS_PAGE = ROOT / "docs" / "steps.md"
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
#: What a reader names, and the examples of docs/extending.md.
PLACEHOLDER = re.compile(r"[A-Z]{2,}|[…*]|confusion")


def blocks(text):
    """Lines of code blocks, indented or fenced, continued ones joined, without what follows a #."""
    lines, fenced = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            lines.append(line.strip())
    joined = "\n".join(lines).replace("\\\n", " ")
    return [line.split("  #")[0].strip() for line in joined.splitlines()]


def code(text):
    """Lines of blocks, and what stands between backticks in the text."""
    return [*blocks(text), *re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))]


def commands(pieces, start):
    """What follows `start` where a piece of code calls it, up to a pipe, a redirection or a bracket."""
    for piece in pieces:
        for found in re.finditer(rf"(?:^|\$\(|&& |; ){re.escape(start)}([^|>;)#]*)", piece):
            yield found[1]


def subparsers():
    (action,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    return action.choices


@pytest.fixture(params=TEXTS)
def page(request):
    return request.param, TEXTS[request.param]


def anchors(text):
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_has_fewer_than_200_lines():
    assert len(TEXTS["README.md"].splitlines()) < 200


def test_every_relative_link_leads_somewhere(page):
    name, text = page
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", text):
        path = (ROOT / name).parent / target if target else ROOT / name
        assert path.exists(), f"{name}: {target}"
        if anchor:
            assert anchor in anchors(path.read_text(encoding="utf-8")), f"{name}: {target}#{anchor}"


def test_every_page_is_linked_from_the_readme():
    assert {f"docs/{path.name}" for path in PAGES[1:]} <= set(re.findall(r"\]\(([^)#]+)", TEXTS["README.md"]))


def test_every_subcommand_that_is_named_has_the_options_that_are_shown(page):
    name, text = page
    choices = subparsers()
    for command in commands(code(text), "mimic "):
        words = command.split()
        if not words or words[0].startswith("-") or words[0].isupper():
            continue
        assert words[0] in choices, f"{name}: mimic {command}"
        known = choices[words[0]]._option_string_actions
        assert {word for word in words if word.startswith("--")} <= known.keys(), f"{name}: mimic {command}"


def test_every_call_in_a_block_is_understood(page):
    name, text = page
    for command in commands(blocks(text), "mimic "):
        assert exit_code_of(parser().parse_args, shlex.split(command)) == 0, f"{name}: mimic {command}"


def exit_code_of(parse, words):
    try:
        parse(words)
    except SystemExit as error:
        return error.code or 0
    return 0


def test_every_subcommand_has_a_section_of_its_own():
    headings = set(re.findall(r"^#+ `?mimic ([a-z-]+)", TEXTS["docs/commands.md"], flags=re.MULTILINE))
    assert headings == set(subparsers())


def test_every_module_that_is_run_exists_and_has_the_options_that_are_shown(page):
    name, text = page
    for command in commands(code(text), "python -m "):
        module, *words = command.split()
        if not module.startswith("mimic.") or PLACEHOLDER.search(module):
            continue
        assert importlib.util.find_spec(module), f"{name}: {module}"
        sources = [Path(importlib.util.find_spec(m).origin).read_text() for m in modules_of(module)]
        for word in words:
            if word.startswith("--") and word != "--help":
                assert any(f'"{word}"' in source for source in sources), f"{name}: {module} {word}"


def test_every_file_of_the_checkout_that_is_named_exists(page):
    name, text = page
    start = r"(?:workflow|benchmarks|tests|pipeline_src|docs)/"
    for piece in code(text):
        for path in re.findall(rf"(?:^|[\s:]){start}\S*", piece):
            path = path.strip().strip(":").rstrip(".,;:")
            if not PLACEHOLDER.search(path):
                assert (ROOT / path).exists(), f"{name}: {path}"


def test_every_make_target_that_is_named_exists(page):
    name, text = page
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {command.split()[0] for command in commands(code(text), "make ") if command.strip()}
    assert named <= targets, name


def rules():
    files = (ROOT / "workflow" / "rules").glob("*.smk")
    found = [re.findall(r"^ *(?:rule|checkpoint) (\w+):", path.read_text(), re.MULTILINE) for path in files]
    return {name for names in found for name in names}


def rows(kind):
    """Backticked words in the rows of steps.md that begin with `kind`."""
    lines = re.findall(rf"^\| {kind}[^|]*\|(.*)\|$", TEXTS["docs/steps.md"], flags=re.MULTILINE)
    return [re.findall(r"`([^`]+)`", line) for line in lines]


def test_every_step_has_a_section_and_every_rule_a_place_in_it():
    headings = re.findall(r"^## (\w+)$", TEXTS["docs/steps.md"], flags=re.MULTILINE)
    assert headings == [
        "data",
        "teachers",
        "ensemble",
        "epochs",
        "logits",
        "shared",
        "students",
        "report",
        "shallow",
        "win",
    ]
    assert set(headings) == {step for step, _ in STAGES}
    named = {word for words in rows("rule") for word in words}
    assert rules() <= named
    assert {word for word in named if re.fullmatch(r"[a-z]+_[a-z0-9_]+", word)} <= rules()


def test_every_module_and_key_of_a_step_exists():
    for words in rows("rule"):
        for path in (word for word in words if word.startswith("mimic/")):
            assert (ROOT / "pipeline_src" / path).exists(), path
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    keys = [key for words in rows("config") for key in words]
    assert len(keys) > 30
    for key in keys:
        value = config
        for part in key.split("."):
            assert part in value, key
            value = value[part]


def test_the_checks_see_what_is_wrong():
    text = (
        "Say `mimic frobnicate --x`.\n\n    mimic why a --jsn  # no\n    python -m mimic.data.none --out x\n"
    )
    assert list(commands(code(text), "mimic ")) == ["why a --jsn", "frobnicate --x"]
    assert list(commands(code(text), "python -m ")) == ["mimic.data.none --out x"]
    assert anchors("## When a run is killed\n") == {"when-a-run-is-killed"}
