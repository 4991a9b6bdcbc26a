"""The README's example, run as it stands there."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

from kit.servers.served import served

from ostiary.cli.foundation import shell_variables

README = (Path(__file__).parents[2] / "README.md").read_text()
WALK = "# an access token for the management API"


def test_the_example_signs_its_user_in(tmp_path: Path) -> None:
    (walk,) = [block for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if block.startswith(WALK)]
    with served(tmp_path) as server:
        variables = shell_variables(server.credentials)
        ended = subprocess.run(
            ["bash", "-euc", walk], env={**os.environ, **variables}, text=True, capture_output=True, timeout=60,
            check=False,
        )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    signed_up, end = json.JSONDecoder().raw_decode(ended.stdout)
    assert signed_up["emails"][0]["value"] == "ada@example.com"
    assert json.loads(ended.stdout[end:])["token_type"] == "Bearer"
