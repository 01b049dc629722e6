"""What is refused before anything is built or served, with what to do."""

import socket
from pathlib import Path

import pytest

from contract.errors import BundleError
from serving.bento import (
    Address,
    BentoError,
    Listen,
    build_bento,
    find_sources,
    pin_packages,
    serve_followed,
    serve_newest,
)
from tests.serving.running import find_port


@pytest.mark.parametrize("taken_is", ["callers", "metrics"])
def test_a_taken_port(tmp_path: Path, taken_is: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address(*taken.getsockname())
        free = Address("127.0.0.1", find_port())
        listen = Listen(free, free)._replace(**{taken_is: address})
        with pytest.raises(BentoError, match="Address already in use") as refused:
            serve_followed(tmp_path / "current", listen, pytest.fail, tmp_path / "bentos")
    assert f"127.0.0.1:{address.port}" in refused.value.found
    assert refused.value.to_do == "Choose another host or port."


def test_one_address_for_callers_and_metrics(tmp_path: Path) -> None:
    one = Address("127.0.0.1", find_port())
    with pytest.raises(BentoError, match=f"127.0.0.1:{one.port} is named twice"):
        serve_followed(tmp_path / "current", Listen(one, one), pytest.fail, tmp_path / "bentos")


def test_a_port_that_cannot_be(tmp_path: Path) -> None:
    listen = Listen(Address("127.0.0.1", 65535), Address("127.0.0.1", 65536))
    with pytest.raises(BentoError, match=r"127\.0\.0\.1:65536 cannot be listened on"):
        serve_followed(tmp_path / "current", listen, pytest.fail, tmp_path / "bentos")


def test_no_bento_to_serve(tmp_path: Path) -> None:
    with pytest.raises(BentoError, match="There is no Bento of patron in"):
        serve_newest(tmp_path, Listen(Address("127.0.0.1", 0), Address("127.0.0.1", 0)))


def test_no_bundles_no_bento(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="There is no model in"):
        build_bento(tmp_path, tmp_path / "bentos")
    assert not (tmp_path / "bentos").exists()


def test_sources_hold_the_bentofile() -> None:
    assert (find_sources() / "bentofile.yaml").exists()


def test_hashes_are_left_out_of_pinned_versions() -> None:
    locked = (
        "# made by a tool\n"
        "bentoml==1.4.39 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
        "    # via patron\n"
        'uvloop==0.22.1 ; sys_platform != "win32" --hash=sha256:cc\n'
        "--no-binary :all:\n"
        "numpy==2.4.6\n"
    )
    pinned = ["bentoml==1.4.39", 'uvloop==0.22.1 ; sys_platform != "win32"', "numpy==2.4.6"]
    assert pin_packages(locked) == pinned
