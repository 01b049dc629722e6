"""The rooms keep their borders, form and size."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("contract", "features", "training", "serving", "shop")
SOURCES = sorted(f for room in ROOMS for f in (ROOT / room).rglob("*.py"))
DOOR = [ROOT / "cli.py", ROOT / "progress.py"]

# Whole files that are longer than 200 lines, and why.
LONGER = {
    "cli.py": "every verb and its words, to be read in one place",
}


def run(*words):
    told = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return told.returncode, told.stdout + told.stderr


@pytest.mark.parametrize(
    "words",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",)],
    ids=["ruff check", "ruff format", "mypy --strict"],
)
def test_linters_and_types_are_clean(words):
    status, told = run(*words)
    assert status == 0, told


def test_the_rooms_import_only_what_the_design_draws():
    linter = Path(sys.executable).with_name("lint-imports")
    told = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout
    assert "4 kept, 0 broken" in told.stdout


def test_every_package_is_in_the_wheel():
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    here = {".".join(f.parent.relative_to(ROOT).parts) for f in SOURCES}
    assert set(told["tool"]["setuptools"]["packages"]) == here


def imports(file):
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("file", SOURCES, ids=lambda f: str(f.relative_to(ROOT)))
def test_no_room_imports_the_front_door_or_a_pickle(file):
    roots = {name.partition(".")[0] for name in imports(file)}
    assert not roots & {"cli", "progress", "pickle", "cloudpickle", "joblib", "dill"}


@pytest.mark.parametrize("file", SOURCES + DOOR, ids=lambda f: str(f.relative_to(ROOT)))
def test_files_stay_under_200_lines(file):
    name = str(file.relative_to(ROOT))
    lines = len(file.read_text("utf-8").splitlines())
    assert (lines > 200) == (name in LONGER), f"{name} has {lines} lines"


def loaded_by(statement):
    code = f"{statement}\nimport sys\nprint('loaded:', *sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(told.stdout.rpartition("loaded:")[2].split())


def test_the_front_door_loads_a_room_only_when_its_verb_is_called():
    heavy = {"polars", "duckdb", "pandas", "mlflow", "bentoml", "xgboost", "sklearn", "numpy"}
    loaded = loaded_by("import cli\ntry: cli.main(['--help'])\nexcept SystemExit: pass")
    assert not loaded & heavy
    assert not loaded & {"features", "training", "serving", "shop"}


def test_the_service_answers_without_training_tools():
    loaded = loaded_by("import serving.app")
    assert not loaded & {"mlflow", "optuna", "sklearn", "matplotlib", "training", "scipy"}


def test_no_commit_holds_a_registry_address_or_a_machine_path():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    address = re.compile(r"https?://[^\s\"']*(pypi|simple/|registry\.npm)|--(extra-)?index-url")
    machine = re.compile(r"[\s\"'=](/work/|/root/|/home/)")
    texts = {n: (ROOT / n).read_text("utf-8", errors="ignore") for n in listed if n != OWN}
    assert texts
    assert not [n for n, text in texts.items() if address.search(text) or machine.search(text)]


OWN = str(Path(__file__).resolve().relative_to(ROOT))


def test_every_locked_package_has_a_hash():
    for lock in ("dev", "serve", "uv"):
        text = (ROOT / "requirements" / f"{lock}.txt").read_text("utf-8")
        names = re.findall(r"^([a-z0-9][\w.\-\[\]]*)==", text, re.M)
        blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.M)[1:]
        assert names and len(blocks) == len(names)
        assert all("--hash=sha256:" in block for block in blocks)
        assert "xgboost==" not in text
