"""The proxies of docs/proxy.md, started as they stand there before a service that runs."""

import http.server
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.serving.bundles import make_bundles
from tests.serving.keyed import make_keys
from tests.serving.malformed import SECRET, SOUND
from tests.serving.running import find_port, running

PAGE = Path(__file__).resolve().parents[2] / "docs" / "proxy.md"
PROXY, OAUTH2 = re.findall(r"```nginx\n(.+?)```", PAGE.read_text("utf-8"), re.S)
LOCATION = re.compile(r"        location / \{\n.+?\n        \}\n", re.S)
MIB = 1024 * 1024


class Behind(NamedTuple):
    """A service, its keys, and the certificates by which a proxy and its callers are known."""

    client: httpx.Client
    keys: dict[str, str]
    folder: Path


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    for program in ("nginx", "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}: apt-get install nginx-light openssl")
    home = tmp_path_factory.mktemp("behind")
    bundles = make_bundles(home / "made")
    make_certificates(home)
    keys = make_keys(home)
    (home / "key.conf").write_text(f'proxy_set_header X-API-Key "{keys["models"]}";\n')
    with running(home, bundles, app="serving.app:Patron") as (client, _):
        yield Behind(client, keys, home)


def make_certificates(folder: Path) -> None:
    """Write two authorities, and certificates of them: the server's, a caller's, a stranger's."""

    def run(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, capture_output=True, check=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for authority, names in (("clients-ca", ("server", "caller")), ("other-ca", ("stranger",))):
        made = ("-keyout", f"{authority}.key", "-out", f"{authority}.pem", "-days", "2")
        run("req", "-x509", *key, *made, "-subj", f"/CN={authority}")
        for name in names:
            (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
            run(
                "req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}"
            )
            by = ("-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial")
            signed = ("-in", f"{name}.csr", "-out", f"{name}.pem", "-days", "2")
            run("x509", "-req", *signed, *by, "-extfile", "names")


@contextmanager
def proxying(behind: Behind, told: str, **places: str) -> Iterator[str]:
    """Run nginx by the configuration until the block ends; say where it listens."""
    port, folder = find_port(), behind.folder
    service = f"{behind.client.base_url.host}:{behind.client.base_url.port}"
    for old, new in {
        "/run/patron-nginx.pid": f"{folder}/nginx-{port}.pid",
        "/var/log/nginx/": f"{folder}/{port}-",
        "/etc/patron/": f"{folder}/",
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "127.0.0.1:3000": service,
        "client_body_timeout 10s": "client_body_timeout 1s",
        **places,
    }.items():
        assert old in told
        told = told.replace(old, new)
    if os.geteuid() != 0:
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
        told = told.replace("http {\n", f"http {{\n{paths}")
    file = folder / f"nginx-{port}.conf"
    file.write_text(told)
    words = ["nginx", "-p", str(folder), "-e", str(folder / "boot.log"), "-c", str(file)]
    process = subprocess.Popen([*words, "-g", "daemon off;"], stderr=subprocess.PIPE, text=True)
    try:
        wait_until_it_listens(port, process)
        yield f"https://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=10)


def wait_until_it_listens(port: int, process: Any) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end and process.poll() is None:
        try:
            httpx.get(f"http://127.0.0.1:{port}")
            return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail(f"nginx did not start: {process.stderr.read() if process.poll() else ''}")


@contextmanager
def calling(behind: Behind, url: str, name: str = "") -> Iterator[httpx.Client]:
    context = ssl.create_default_context(cafile=str(behind.folder / "clients-ca.pem"))
    if name:
        context.load_cert_chain(behind.folder / f"{name}.pem", behind.folder / f"{name}.key")
    with httpx.Client(base_url=url, verify=context, timeout=30) as client:
        yield client


def assert_told(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["retryable"] is ("retry_after_s" in problem)


def test_a_caller_needs_a_certificate_and_a_key(behind: Behind) -> None:
    keyed = {"x-api-key": behind.keys["scores"], "content-type": "application/json"}
    with proxying(behind, PROXY) as url:
        with calling(behind, url, "caller") as caller:
            answer = caller.post("/v1/scores", content=SOUND, headers=keyed | {"x-request-id": "a"})
            assert answer.status_code == 200, answer.text
            assert answer.http_version == "HTTP/1.1"
            assert answer.headers.get_list("x-request-id") == ["a"]
            assert answer.json()["request_id"] == "a"
            straight = behind.client.post("/v1/scores", content=SOUND, headers=keyed).json()
            assert answer.json()["results"] == straight["results"]
            assert_told(caller.post("/v1/scores", content=SOUND), 401, "unauthorized")
            many = json.dumps({"records": [{"customer_id": "c" * 99}] * 1000}).encode()
            for body, status, code in (
                (b" " * (4 * MIB - 1) + b"?", 400, "not_json"),
                (b" " * (4 * MIB + 1), 413, "body_too_large"),
                (b" " * (5 * MIB + 1), 413, "body_too_large"),
            ):
                assert_told(caller.post("/v1/scores", content=body, headers=keyed), status, code)
            assert len(caller.post("/v1/scores", content=many, headers=keyed).json()["results"])
        with calling(behind, url) as nobody:
            refused = nobody.post("/v1/scores", content=SOUND, headers=keyed)
            assert_told(refused, 403, "no_certificate")
            assert_told(nobody.get("/v1/hooks/../models", headers=keyed), 403, "no_certificate")
            for hook in ("/v1/hooks/shop/token", f"/v1/hooks/{SECRET}/x"):
                reached = nobody.post(hook, content=b"{}", headers=keyed)
                assert reached.status_code != 403
                assert "x-request-id" in reached.headers
        with calling(behind, url, "stranger") as stranger:
            assert_told(stranger.get("/v1/models", headers=keyed), 400, "bad_request")
        plain = httpx.get(url.replace("https", "http") + f"/v1/scores?customer_id={SECRET}")
        assert_told(plain, 400, "bad_request")
        logs = list(behind.folder.glob(f"{url.rpartition(':')[2]}-*"))
        assert len(logs) == 2
        logged = "".join(log.read_text() for log in logs)
        assert " POST 200 " in logged
        assert SECRET not in logged
        assert behind.keys["scores"] not in logged


def test_an_upload_for_a_job_may_be_larger(behind: Behind) -> None:
    lines = b"customer_id\n" + b"".join(b"C-%09d\n" % n for n in range(550_000))
    assert len(lines) > 6 * MIB
    told = {"x-api-key": behind.keys["jobs"], "content-type": "text/csv", "idempotency-key": "p"}
    with proxying(behind, PROXY) as url:
        with calling(behind, url, "caller") as caller:
            answer = caller.post("/v1/jobs", content=lines, headers=told)
            assert answer.status_code == 202, answer.text
            assert caller.get(answer.headers["location"], headers=told).json()["state"] == "queued"
            other = caller.post("/v1/jobs/x/cancel", content=lines, headers=told)
            assert_told(other, 413, "body_too_large")
        with calling(behind, url) as nobody:
            refused = nobody.post("/v1/jobs", content=b"customer_id\nC-1\n", headers=told)
            assert_told(refused, 403, "no_certificate")


def test_only_modern_tls_is_spoken(behind: Behind) -> None:
    with proxying(behind, PROXY) as url:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context(cafile=str(behind.folder / "clients-ca.pem"))
            context.minimum_version = context.maximum_version = version
            assert httpx.get(f"{url}/v1/hooks/a/b", verify=context).headers["x-request-id"]
        words = ["openssl", "s_client", "-connect", url.removeprefix("https://"), "-tls1_1"]
        weak = ("-cipher", "ALL:@SECLEVEL=0")  # so that it is the proxy who refuses
        told = subprocess.run(
            [*words, *weak], input="", capture_output=True, text=True, check=False
        )
        assert told.returncode != 0
        assert "alert protocol version" in told.stderr


def test_slow_senders_take_no_place_in_the_service(behind: Behind) -> None:
    headers = {"x-api-key": behind.keys["scores"], "content-type": "application/json"}
    with proxying(behind, PROXY) as url, calling(behind, url, "caller") as caller:
        context = ssl.create_default_context(cafile=str(behind.folder / "clients-ca.pem"))
        context.load_cert_chain(behind.folder / "caller.pem", behind.folder / "caller.key")
        host, port = url.removeprefix("https://").split(":")
        slow = []
        for _ in range(80):  # more than the service answers at once
            plain = socket.create_connection((host, int(port)))
            link = context.wrap_socket(plain, server_hostname=host)
            link.sendall(b"POST /v1/scores HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{")
            slow.append(link)
        began = time.monotonic()
        assert caller.post("/v1/scores", content=SOUND, headers=headers).status_code == 200
        assert time.monotonic() - began < 1
        for link in slow:
            link.settimeout(5)
            assert b" 200 " not in link.recv(4096)
            link.close()
        assert time.monotonic() - began < 5


def test_a_service_that_is_away_is_told_as_a_problem(behind: Behind) -> None:
    port = behind.client.base_url.port
    away = {f"127.0.0.1:{port}": f"127.0.0.1:{find_port()}"}
    with proxying(behind, PROXY, **away) as url, calling(behind, url, "caller") as caller:
        answer = caller.get("/v1/models")
        assert_told(answer, 502, "unavailable")
        assert answer.headers["retry-after"] == "5"


class Tokens(http.server.BaseHTTPRequestHandler):
    """An OAuth2 server's word on one token."""

    def do_GET(self) -> None:
        known = self.headers.get("Authorization") == "Bearer good"
        self.send_response(202 if known else 401)
        if not known:
            self.send_header("WWW-Authenticate", 'Bearer realm="shop"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_a_token_becomes_a_key(behind: Behind) -> None:
    told, times = LOCATION.subn(OAUTH2, PROXY)
    assert times == 1
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    places = {"127.0.0.1:4180": f"127.0.0.1:{server.server_port}"}
    try:
        with proxying(behind, told, **places) as url, calling(behind, url) as caller:
            good = caller.get("/v1/models", headers={"authorization": "Bearer good"})
            assert good.status_code == 200, good.text
            assert good.json()["models"]
            forbidden = caller.post("/v1/scores", headers={"authorization": "Bearer good"})
            assert_told(forbidden, 403, "forbidden")
            for shown in (
                {"authorization": "Bearer bad"},
                {"x-api-key": behind.keys["admin"]},
                {},
            ):
                refused = caller.get("/v1/models", headers=shown)
                assert refused.status_code == 401
                assert "shop" in refused.headers["www-authenticate"]
            assert caller.get("/oauth2/auth").status_code == 404
    finally:
        server.shutdown()
        server.server_close()
