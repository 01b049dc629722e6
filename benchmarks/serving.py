"""How many requests a second one worker answers, beside peers and the limit: docs/speed.md.

Run: .venv/bin/python -P benchmarks/serving.py [--write] [--home FOLDER]
     (5 minutes, and one more to train the models where the folder has none)
"""

import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.servers import SERVERS, Server, serving
from benchmarks.shop_records import Made, ask, get, list_customers, prepare, tell_records

PAGE = Path(__file__).resolve().parents[1] / "docs" / "speed.md"
BEGIN, END = "<!-- begin: benchmarks/serving.py -->", "<!-- end -->"

ROUNDS, SECONDS, MOST = 3, 3.0, 20_000
LIMIT = "FastAPI echo"
Figures = dict[str, float]


class Row:
    """One line of the table: what is asked of which server, by how many callers at once."""

    def __init__(self, name: str, server: str, requests: list[bytes], many: bool = True) -> None:
        self.name, self.server, self.requests = name, server, requests
        self.connections = (1, 16) if many else (1,)


def call(port: int, requests: list[bytes], connections: int) -> dict[str, Any]:
    """Return what callers in a process of their own found."""
    plan = {
        "port": port,
        "connections": connections,
        "seconds": SECONDS,
        "most": MOST,
        "requests": [base64.b64encode(r).decode() for r in requests],
    }
    script = str(Path(__file__).with_name("callers.py"))
    told = subprocess.run(
        [sys.executable, "-P", script], input=json.dumps(plan), text=True, check=True,
        capture_output=True, timeout=180,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(told.stdout)
    assert not found["wrong"], f"{found['wrong']} answers were not 200"
    return found


def measure(server: Server, row: Row, connections: int) -> Figures:
    """Return the figures of one turn, after some answers that do not count."""
    if not server.warm:
        call(server.port, row.requests[:2], 1)
        server.warm = True
    began = server.cpu()
    found = call(server.port, row.requests, connections)
    return {
        "rate": found["answers"] / found["wall"],
        "p50": found["p50"] * 1e3,
        "p99": found["p99"] * 1e3,
        "cpu": (server.cpu() - began) * 1e3 / found["answers"],
    }


def measure_all(rows: list[Row], servers: dict[str, Server]) -> dict[tuple[str, int], Figures]:
    """Return the median of each row's rounds, beside the limit of the same round."""
    told: dict[tuple[str, int], list[Figures]] = {}
    for _ in range(ROUNDS):
        limits: dict[int, Figures] = {}
        for row in rows:
            for connections in row.connections:
                found = measure(servers[row.server], row, connections)
                limit = limits.setdefault(connections, found)
                found |= {f"{n}_by_limit": found[n] / limit[n] for n in ("rate", "p99", "cpu")}
                told.setdefault((row.name, connections), []).append(found)
                print(row.name, connections, {n: round(f, 2) for n, f in found.items()})
    return {key: {n: median(f[n] for f in of) for n in of[0]} for key, of in told.items()}


def list_rows(shop: Made, servers: dict[str, Server]) -> Iterator[Row]:
    """Yield what is asked, the limit first."""
    records, stored = tell_records(shop), list_customers(shop)
    ones = [ask([record]) for record in records]
    small = ask({"customer_id": "C-1"}, "/echo")
    yield Row(LIMIT, "echo", [small])
    yield Row(
        "Patron, a stored answer", "patron", [get(f"/v1/scores?customer_id={c}") for c in stored]
    )
    yield Row("Patron, live: 20 order lines, all targets", "patron", ones)
    lone = [ask([record], targets=["churn"]) for record in records]
    yield Row("Patron, live: 20 order lines, churn alone", "patron", lone)
    many = [dict(records[i % len(records)], record_id=f"r{i}") for i in range(1000)]
    yield Row("Patron, live: 1,000 records in one call", "patron", [ask(many)], many=False)
    by_id = [{"customer_id": stored[i % len(stored)], "record_id": f"r{i}"} for i in range(1000)]
    yield Row("Patron, scored anew by id: 1,000 in one call", "patron", [ask(by_id)], many=False)
    kept = ask({"records": by_id, "max_age_s": 86_400})
    yield Row("Patron, stored answers: 1,000 in one call", "patron", [kept], many=False)
    yield Row(
        "FastAPI echo of the same 20 order lines",
        "echo",
        [o.replace(b"/v1/scores", b"/echo") for o in ones],
    )
    yield Row("Patron, /livez", "patron", [get("/livez")])
    for name in ("bentoml", "mlflow", "mlserver"):
        if name in servers:
            yield Row(SERVERS[name].title, name, servers[name].asked)


def tabulate(told: dict[tuple[str, int], Figures], load: float) -> str:
    """Return the table."""
    head = (
        f"Load average before: {load:.1f} on {os.cpu_count()} cores; {ROUNDS} rounds of"
        f" {SECONDS:.0f} s each, the median of each figure.\n\n"
        "| | callers | requests/s | x echo | p50, ms | p99, ms | p99 x echo"
        " | CPU, ms a request | CPU x echo |\n|---|---|---|---|---|---|---|---|---|"
    )
    lines = [
        f"| {name} | {connections} | {f['rate']:,.0f} | {f['rate_by_limit']:.2f}"
        f" | {f['p50']:,.2f} | {f['p99']:,.2f} | {f['p99_by_limit']:.1f}"
        f" | {f['cpu']:,.2f} | {f['cpu_by_limit']:.1f} |"
        for (name, connections), f in told.items()
    ]
    return "\n".join([head, *lines])


def main() -> None:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write it into docs/speed.md")
    parser.add_argument("--home", type=Path, help="where the shop and its models are kept")
    parser.add_argument("--only", help="servers, by commas")
    arguments = parser.parse_args()
    home = (arguments.home or Path(tempfile.gettempdir()) / "patron-serving").resolve()
    shop = prepare(home)
    names = list(SERVERS)
    if arguments.only:
        names = [n for n in names if n in ("echo", "patron", *arguments.only.split(","))]
    with serving(names, shop) as servers:
        load = os.getloadavg()[0]
        table = tabulate(measure_all(list(list_rows(shop, servers)), servers), load)
    if arguments.write:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}", "utf-8")
    print(table)


if __name__ == "__main__":
    main()
