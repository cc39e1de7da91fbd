import importlib
import json
import os
import re
import subprocess
import sys

import pytest

from mimic.cli import InputError, parse_settings, run_stage, stage_parser, whole_number
from mimic.config.ensemble import EnsembleSettings
from mimic.config.search import SearchSettings


def stage(error):
    def main(argv):
        if error is not None:
            raise error

    return main


def test_a_command_that_is_done_exits_with_0(capsys):
    assert run_stage(stage(None), tells_cost=False) == 0
    assert capsys.readouterr() == ("", "")


def test_a_stage_closes_its_log_with_what_it_took():
    program = (
        "import time\n"
        "from mimic.cli import run_stage\n"
        "def main(argv):\n"
        "    bytearray(b'x' * 200_000_000)\n"
        "    time.sleep(0.3)\n"
        "raise SystemExit(run_stage(main))"
    )
    # By a shell that forks: Linux counts the peak of the process that starts a program as the program's.
    command = ["sh", "-c", '"$0" -c "$1"; exit $?', sys.executable, program]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, env=os.environ)
    seconds, megabytes = re.fullmatch(r"done in ([\d.]+) s, memory (\d+) MB at most\n", done.stderr).groups()
    assert 0.3 <= float(seconds) < 10
    assert 200 < int(megabytes) < 800


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("config: seed: wrong"), 1, "error: config: seed: wrong\n"),
        (FileNotFoundError(2, "No such file or directory", "a.h5"), 1, "a.h5: No such file or directory\n"),
        (PermissionError(13, "Permission denied", "out"), 1, "error: out: Permission denied\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_what_a_user_can_cause_is_one_line_and_an_exit_code(capsys, error, code, line):
    assert run_stage(stage(error)) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(line)
    assert err.count("\n") == 1


@pytest.mark.parametrize("error", [ValueError("a fault"), RuntimeError("a fault"), OSError("a fault")])
def test_a_fault_of_the_program_is_not_hidden(error):
    with pytest.raises(type(error), match="a fault"):
        run_stage(stage(error))


def test_arguments_reach_the_stage():
    seen = []
    run_stage(seen.append, ["--x", "3"])
    assert seen == [["--x", "3"]]


def test_a_reader_that_goes_away_is_no_traceback():
    program = (
        "from mimic.cli import run_stage\n"
        "def main(argv):\n"
        "    while True:\n"
        "        print('x' * 1000)\n"
        "raise SystemExit(run_stage(main))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    )
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(20) == 1


def test_settings_are_read_from_json():
    settings = parse_settings(SearchSettings, '{"trials": 5, "first_round": 2, "round_size": 3}')
    assert settings == SearchSettings(trials=5, first_round=2, round_size=3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "--settings: not JSON"),
        ("{", "--settings: not JSON"),
        ("[]", "--settings: (top level): "),
        ("{}", "--settings: n_members: Field required"),
        ('{"n_members": 0}', "--settings: n_members: Input should be greater than or equal to 1, got 0"),
        ('{"n_members": "many"}', "--settings: n_members: "),
        ('{"n_members": NaN}', "--settings: n_members: "),
        ('{"n_members": 1, "x": 2}', "--settings: x: unknown key"),
        ('{"n_members": 1, "x\\ny\\u001b[31m": 2}', r"--settings: 'x\ny\x1b[31m': unknown key"),
        (json.dumps({"n_members": 1, "y" * 1000: 2}), f"--settings: '{'y' * 56}...: unknown key"),
        (json.dumps({"n_members": "y" * 1000}), "--settings: n_members: "),
        ("[" * 100_000, "--settings: not JSON"),
    ],
)
def test_wrong_settings_are_one_short_line(text, expected):
    with pytest.raises(InputError) as error:
        parse_settings(EnsembleSettings, text)
    assert str(error.value).startswith(expected)
    assert len(str(error.value)) < 200
    assert "\n" not in str(error.value)


def test_the_usage_line_is_what_a_user_types(capsys):
    with pytest.raises(SystemExit) as error:
        stage_parser("What it does.\n\nMore.", "mimic.step.stage").parse_args(["--help"])
    assert error.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: python -m mimic.step.stage")
    assert "What it does." in out
    assert "More." not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--threads", "0"], "argument --threads: expected a whole number from 1, got '0'"),
        (["--threads", "two"], "argument --threads: expected a whole number from 1, got 'two'"),
        (["--epochs", "3", "-1"], "argument --epochs: expected a whole number from 0, got '-1'"),
        (["--bogus", "1"], "unrecognized arguments: --bogus 1"),
        (["--epochs"], "argument --epochs: expected at least one argument"),
    ],
)
def test_a_wrong_option_is_one_line_that_names_the_help(capsys, arguments, said):
    parser = stage_parser("Do it.", "mimic.step.stage")
    parser.add_argument("--threads", type=whole_number(1))
    parser.add_argument("--epochs", type=whole_number(0), nargs="+")
    with pytest.raises(SystemExit) as error:
        parser.parse_args(arguments)
    assert error.value.code == 2
    name = "python -m mimic.step.stage"
    assert capsys.readouterr().err == f"{name}: error: {said}; {name} --help\n"


def test_whole_numbers_are_read():
    assert [whole_number(0)("0"), whole_number(1)("12")] == [0, 12]


@pytest.mark.parametrize(
    ("stage", "option"),
    [
        ("data.prepare_dataset", "--seed"),
        ("data.prepare_dataset", "--threads"),
        ("teachers.propose_teachers", "--round"),
        ("teachers.train_teacher", "--threads"),
        ("teachers.train_teacher", "--trial"),
        ("epochs.generate_epochs", "--epochs"),
        ("epochs.generate_epochs", "--threads"),
        ("logits.record_logits", "--trials"),
        ("students.propose_students", "--trials"),
        ("students.train_student", "--seed"),
        ("students.train_student", "--threads"),
    ],
)
def test_stages_refuse_numbers_below_the_least(capsys, stage, option):
    with pytest.raises(SystemExit) as error:
        importlib.import_module(f"mimic.{stage}").main([option, "-1"])
    assert error.value.code == 2
    line = capsys.readouterr().err
    assert f"argument {option}: expected a whole number from" in line
    assert line.count("\n") == 1
