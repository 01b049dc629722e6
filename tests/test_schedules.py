"""What docs/schedules.md has a machine run is understood."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import cli

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "schedules.md").read_text("utf-8")


def find_block(language: str) -> str:
    return re.search(rf"```{language}\n(.+?)```", PAGE, re.S)[1]


def test_the_line_for_cron_is_understood(tmp_path):
    """As cron hands it to a shell: with its per cents unescaped, and patron found by name."""
    (line,) = [line for line in find_block("cron").splitlines() if "patron score" in line]
    minute, hour, *days, command = line.split(" ", 5)
    assert (minute, hour, days) == ("15", "2", ["*"] * 3)
    told = tmp_path / "patron"
    told.write_text('#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n')
    told.chmod(0o755)
    command = command.replace("\\%", "%").replace("/var/log/patron", str(tmp_path))
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["/bin/sh", "-c", command], env={"PATH": path}, check=True)
    words = (tmp_path / "score.jsonl").read_text().splitlines()
    asked = cli.read_words().parse_args(words)
    assert asked.verb is cli.score_tables and asked.json
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", asked.as_of)


def test_the_dag_compiles_and_its_command_is_understood():
    code = find_block("python")
    compile(code, "dag.py", "exec")
    command = "".join(re.findall(r'^    "(.+)"$', code, re.M)).replace("{{ ds }}", "2026-11-01")
    first, *words = shlex.split(command)
    asked = cli.read_words().parse_args(words)
    assert first == "patron" and asked.verb is cli.score_tables and asked.json
    assert (asked.as_of, asked.out.rpartition("/")[2]) == ("2026-11-01", "answers")
