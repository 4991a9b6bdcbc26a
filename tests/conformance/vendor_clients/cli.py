"""vcd, the vendor's command line, one command after the other; prints exit code and output of each as JSON.

usage: cli.py COMMAND…, each in the shell's quoting
"""

import json
import shlex
import sys

from click.testing import CliRunner
from vcd_cli import login, org, right, role, system, user  # noqa: F401 - each adds its commands
from vcd_cli.vcd import vcd


def main(*commands: str) -> None:
    """Runs the commands in one process, as starting each anew takes longer than all of them."""
    runner, ended = CliRunner(), []
    for command in commands:
        result = runner.invoke(vcd, shlex.split(command))
        ended.append([result.exit_code, result.output])
    print(json.dumps(ended))


main(*sys.argv[1:])
