"""What tests of commands share: a command as a user types it."""

import pytest

from zincir.cli import main


@pytest.fixture
def run(capsys):
    """Runs a command: its exit code, and what it wrote to standard output and error."""

    def run(*words):
        code = 0
        try:
            main([str(word) for word in words])
        except SystemExit as stopped:
            code = stopped.code or 0
        out, err = capsys.readouterr()
        return code, out, err

    return run
