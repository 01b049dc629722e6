"""Bundles on their way to other machines: the bytes of their files, and nothing else."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from contract.bundle import Bundle, load_bundles

Packed = Mapping[str, bytes]  # of each file, by its place: <target>/<version>/<name>


def pack_bundles(folder: Path) -> dict[str, bytes]:
    """Return every file of the bundles in a folder, as `load_bundles` finds them there."""
    files = sorted(file for file in folder.glob("*/*/*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def unpack_bundles(packed: Packed) -> dict[str, Bundle]:
    """Return the bundle of each target, refused as from disk where a file is not whole."""
    with tempfile.TemporaryDirectory() as folder:
        for place, told in packed.items():
            file = Path(folder, place)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(told)
        return load_bundles(Path(folder))


def digest_packed(packed: Packed) -> str:
    """Return one sha256 of all files and their places."""
    told = {place: hashlib.sha256(content).hexdigest() for place, content in packed.items()}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
