import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mimic.console.arguments import command_name
from mimic.console.main import GROUPS, main
from mimic.console.stages import STAGES

COMMANDS = [command_name(function) for functions in GROUPS.values() for function in functions]
ROOT = Path(__file__).parents[3]


def help_of(capsys, monkeypatch, *arguments):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as error:
        main([*arguments, "--help"])
    assert error.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_fits_a_screen_with_examples_and_exit_codes(capsys, monkeypatch, command):
    text = help_of(capsys, monkeypatch, *([command] if command else []))
    lines = text.splitlines()
    assert len(lines) <= 40
    assert [line for line in lines if len(line) > 80] == []
    assert text.startswith(f"usage: mimic {command or 'COMMAND'}")
    examples = text.split("examples:\n")[1].split("\n\n")[0]
    assert f"mimic {command}" in examples if command else examples.count("mimic") >= 3
    assert "exit codes: 0 done, 1 an input is wrong" in text


def test_the_help_lists_every_command_once(capsys, monkeypatch):
    text = help_of(capsys, monkeypatch).split("examples:")[0]
    listed = [line.split()[0] for line in text.splitlines() if line.startswith("  ")]
    assert listed == COMMANDS
    for heading in GROUPS:
        assert f"\n{heading}:\n" in text


def test_the_command_alone_shows_its_help(capsys, monkeypatch):
    text = help_of(capsys, monkeypatch)
    assert main([]) == 0
    assert capsys.readouterr().out == text


def test_a_misspelt_command_is_answered_with_its_neighbours(capsys):
    with pytest.raises(SystemExit) as error:
        main(["stauts"])
    assert error.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "mimic: error: there is no command 'stauts'; did you mean status or stages?\n"
    with pytest.raises(SystemExit):
        main(["xyzzy"])
    assert capsys.readouterr().err == "mimic: error: there is no command 'xyzzy'; mimic --help lists them\n"


@pytest.mark.parametrize(("step", "name"), [STAGES[2], STAGES[4], STAGES[-1]])
def test_a_stages_help_tells_exit_codes(step, name):
    command = [sys.executable, "-m", f"mimic.{step}.{name}", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "exit codes: 0 done" in text
    assert "75" in text


def complete(script, words, folder):
    """What bash's completion of `words` offers, in a folder."""
    program = (
        f"source {script}\nCOMP_WORDS=({words})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n"
        'COMP_LINE="${COMP_WORDS[*]}"\nCOMP_POINT=${#COMP_LINE}\n'
        "spec=$(complete -p mimic); [[ $spec =~ -F\\ ([^ ]+) ]]\n"
        '${BASH_REMATCH[1]} mimic "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"\n'
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    run = subprocess.run(
        ["bash", "--norc", "-c", program], capture_output=True, text=True, cwd=folder, timeout=60
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_options_files_and_folders(capsys, tmp_path):
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "mimic.bash"
    script.write_text(capsys.readouterr().out)
    folder = tmp_path / "work"
    (folder / "results").mkdir(parents=True)
    (folder / "results.csv").touch()
    assert complete(script, "mimic st", folder) == ["status", "stages"]
    assert complete(script, "mimic export-study --sq", folder) == ["--sqlite"]
    assert sorted(complete(script, "mimic show res", folder)) == ["results", "results.csv"]
    assert complete(script, "mimic pack --results res", folder) == ["results"]
    assert sorted(complete(script, "mimic completion ''", folder)) == ["bash", "tcsh", "zsh"]


@pytest.mark.parametrize(("shell", "start"), [("zsh", "#compdef mimic"), ("tcsh", "#")])
def test_other_shells_get_theirs(capsys, shell, start):
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert text.startswith(start)
    assert all(command in text for command in COMMANDS)
