import subprocess
import sys

import pytest

from mimic.console.main import main


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["budget", "--help"], ["augment", "--help"], ["show", "--help"], ["why", "--help"]],
)
def test_help_ends_with_0(capsys, arguments):
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 0
    assert capsys.readouterr().out.startswith("usage: mimic")


@pytest.mark.parametrize(
    "arguments", [["train"], ["budget"], ["budget", "cnn4"], ["budget", "cnn4", "10M", "--filters", "x"]]
)
def test_a_wrong_command_line_ends_with_2(capsys, arguments):
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("mimic")
    assert ": error: " in err
    assert err.count("\n") == 1


def test_the_package_runs_as_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "mimic", "budget", "cnn9", "10M"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: family: expected one of mlp1, ")
    assert done.stderr.count("\n") == 1
