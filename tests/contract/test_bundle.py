"""A bundle says the same after it was saved, and what was tampered with is refused, not run."""

import hashlib
import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from contract.bundle import MANIFEST, load_bundle, load_bundles, save_bundle
from contract.errors import BundleError

COLUMNS = {
    "days_since_order": np.array([0.0, 12.5, 61.0, 400.0, np.nan]),
    "orders_365d": np.array([9.0, 3.0, 1.0, 0.0, 0.0]),
}


class Touch:
    """Unpickled, it makes the file: so one sees whether anything was executed."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def rewrite(folder, name, content):
    """Put content into the bundle's file and its hash into the manifest, as an attacker would."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    manifest["files"][name] = hashlib.sha256(content).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest), "utf-8")


def change(folder, **changes):
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    (folder / MANIFEST).write_text(json.dumps(manifest | changes), "utf-8")


def model_file(folder):
    return next(n for n in ("model.ubj", "model.json") if (folder / n).exists())


def list_files(folder):
    return sorted(f.name for f in folder.iterdir())


def test_a_saved_bundle_answers_the_same_to_the_bit(bundle, folder):
    loaded = load_bundle(folder, version="3")
    for name in ("probability", "baseline_probability"):
        before, after = (getattr(b, name)(COLUMNS) for b in (bundle, loaded))
        assert before.tobytes() == after.tobytes()
        assert np.isfinite(after).all()
    assert loaded.manifest.model_copy(update={"files": {}}) == bundle.manifest
    assert (loaded.version, loaded.entries) == ("3", bundle.entries)
    assert loaded.norms == bundle.norms
    assert loaded.sha256 == hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def test_a_row_alone_is_answered_as_in_a_batch(folder):
    loaded = load_bundle(folder)
    batch = loaded.probability(COLUMNS)
    alone = [loaded.probability({n: v[i : i + 1] for n, v in COLUMNS.items()})[0] for i in range(5)]
    assert batch.tolist() == alone


def test_saving_twice_gives_the_same_hash(bundle, tmp_path):
    hashes = {save_bundle(bundle, tmp_path / name).sha256 for name in ("a", "b")}
    assert len(hashes) == 1


def test_a_bundle_holds_data_only(folder):
    trees = ["model.ubj"] if model_file(folder) == "model.ubj" else []
    assert list_files(folder) == sorted(
        [*trees, "model.json", "baseline.json", "dictionary.json", "norms.json", MANIFEST]
    )


@pytest.mark.parametrize("name", ["model", "baseline.json", "dictionary.json", "norms.json"])
@pytest.mark.parametrize("how", ["changed", "truncated", "emptied"])
def test_a_file_that_is_not_the_registered_one_is_refused(folder, name, how):
    file = folder / (model_file(folder) if name == "model" else name)
    whole = file.read_bytes()
    file.write_bytes(
        {"changed": bytes([whole[0] ^ 1]) + whole[1:], "truncated": whole[:-1], "emptied": b""}[how]
    )
    with pytest.raises(BundleError, match="is not the file that was registered"):
        load_bundle(folder)


@pytest.mark.parametrize("name", ["model", "baseline.json", "dictionary.json", "norms.json"])
def test_a_missing_file_is_refused(folder, name):
    (folder / (model_file(folder) if name == "model" else name)).unlink()
    with pytest.raises(BundleError, match="other files than its manifest names"):
        load_bundle(folder)


@pytest.mark.parametrize("planted", ["model.pkl", "notes.txt", "__init__.py"])
def test_a_file_the_manifest_does_not_name_is_refused(folder, planted, tmp_path):
    (folder / planted).write_bytes(pickle.dumps(Touch(tmp_path / "executed")))
    with pytest.raises(BundleError, match="other files than its manifest names"):
        load_bundle(folder)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", ["model", "baseline.json", "dictionary.json", "norms.json"])
def test_a_pickle_in_place_of_a_file_is_refused_and_not_executed(folder, name, tmp_path):
    trap = pickle.dumps(Touch(tmp_path / "executed"))
    rewrite(folder, model_file(folder) if name == "model" else name, trap)
    with pytest.raises(BundleError):
        load_bundle(folder)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"{}", "is of the form None"),
        (b'{"form": "pickle"}', "is of the form pickle; a bundle may hold logistic, boosted"),
        (b"[1]", "holds no model"),
        (b"{", "holds no model"),
        (b'{"form": "logistic", "terms": 1}', "holds no logistic model"),
        (b'{"form": "cells", "inputs": ["a"]}', "holds no cells model"),
        (b'{"form": "blend", "members": ["baseline"], "weights": [1]}', "holds no blend model"),
        (b'{"form": "repeating", "r": "x"}', "holds no repeating model"),
    ],
)
def test_a_model_of_another_form_is_refused(folder, content, found):
    rewrite(folder, "baseline.json", content)
    with pytest.raises(BundleError, match=rf"baseline\.json {re.escape(found)}"):
        load_bundle(folder)


@pytest.mark.parametrize(
    "changes",
    [{"format": 1}, {"format": "new"}, {"inputs": 3}, {"unheard_of": 1}, {"base_rate": None}],
    ids=lambda changes: " ".join(map(str, *changes.items())),
)
def test_a_manifest_of_another_format_is_refused(folder, changes):
    change(folder, **changes)
    with pytest.raises(BundleError, match=r"bundle holds no readable manifest\.json of format 3"):
        load_bundle(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", None])
def test_a_manifest_that_cannot_be_read_is_refused(folder, content):
    (folder / MANIFEST).unlink()
    if content is not None:
        (folder / MANIFEST).write_bytes(content)
    with pytest.raises(BundleError, match=r"no readable manifest\.json"):
        load_bundle(folder)


def test_a_manifest_cannot_name_files_elsewhere(folder, tmp_path):
    (tmp_path / "outside.json").write_text("{}", "utf-8")
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    digest = hashlib.sha256(b"{}").hexdigest()
    change(folder, files=manifest["files"] | {"../outside.json": digest})
    with pytest.raises(BundleError, match="other files than its manifest names"):
        load_bundle(folder)


@pytest.mark.parametrize("lacking", ["model", "baseline.json", "dictionary.json", "norms.json"])
def test_a_bundle_needs_each_of_its_files(folder, lacking):
    name = model_file(folder) if lacking == "model" else lacking
    (folder / name).unlink()
    files = json.loads((folder / MANIFEST).read_text("utf-8"))["files"]
    change(folder, files={n: digest for n, digest in files.items() if n != name})
    with pytest.raises(BundleError):
        load_bundle(folder)


def test_bundles_are_found_by_target_and_version(bundle, tmp_path):
    save_bundle(bundle, tmp_path / "churn" / "12")
    found = load_bundles(tmp_path)
    assert {target: b.version for target, b in found.items()} == {"churn": "12"}


def test_a_folder_without_a_bundle_is_refused(tmp_path):
    with pytest.raises(BundleError) as refused:
        load_bundles(tmp_path)
    assert str(refused.value) == (
        f"There is no model in {tmp_path}. Train and promote one: patron train, promote."
    )
