"""Receipts of answers: each a digest of all that its answer was made of."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any

import numpy as np

from contract.models import Numbers
from contract.moments import as_micros
from features.dictionary import describe
from features.history import History
from features.pairing import describe_pairs
from serving.receipts.rows import Rows, find_rows
from serving.scorer import Seen, find_norms, list_read

LENGTH = 16  # bytes of a receipt, told in twice as many letters

Model = tuple[str, str, str]  # target, version, sha256
Part = tuple[tuple[str, ...], tuple[str, ...]]  # targets, and the features they answer by


@dataclass(frozen=True)
class Form:
    """What all answers by the same models for the same targets have in common.

    Each of `parts` are targets that go by the same norms, and the features that were read for them;
    a kept row of features is those of all parts, one after another.
    """

    models: tuple[Model, ...]
    parts: tuple[Part, ...]
    dictionary: str

    @cached_property
    def told(self) -> str:
        """The form as JSON."""
        return json.dumps([self.models, self.parts, self.dictionary], separators=(",", ":"))

    @cached_property
    def key(self) -> str:
        """A digest of the form."""
        return sha256(self.told.encode()).hexdigest()


def read_form(told: str) -> Form:
    """Return the form that was told as JSON."""
    models, parts, dictionary = json.loads(told)
    return Form(
        tuple(tuple(model) for model in models),
        tuple((tuple(targets), tuple(names)) for targets, names in parts),
        dictionary,
    )


@dataclass(frozen=True)
class Issued:
    """The receipts of some customers' answers, and what they stand for, in the customers' order."""

    form: Form
    as_of_us: int
    customers: tuple[str, ...]
    rows: Rows
    features: Numbers
    receipts: tuple[str, ...]

    def __len__(self) -> int:
        """Return how many receipts there are."""
        return len(self.receipts)


def issue(seen: Seen, history: History, customers: Sequence[str] = ()) -> Issued:
    """Return a receipt for each customer that was seen; `customers` are their ids, as told.

    The same models on the same rows as of the same moment get the same receipt, be it live or in a
    batch.
    """
    form, as_of_us = find_form(seen), as_micros(seen.as_of)
    rows = find_rows(history, as_of_us, find_norms(seen.bundles))
    ids = tuple(customers or seen.ids.to_pylist())
    features = _stack(seen)
    start = start_signing(form, as_of_us)
    width, told = 8 * features.shape[1], features.view(np.uint8).reshape(-1).data
    receipts = tuple(
        sign(start, customer, fingerprint, told[i * width : (i + 1) * width])
        for i, (customer, fingerprint) in enumerate(zip(ids, rows.prints, strict=True))
    )
    return Issued(form, as_of_us, ids, rows, features, receipts)


def start_signing(form: Form, as_of_us: int) -> bytes:
    """Return what the receipts of one form and moment are digests of first."""
    return form.key.encode() + as_of_us.to_bytes(8, "little", signed=True)


def sign(start: bytes, customer: str, fingerprint: bytes, features: Any) -> str:
    """Return the receipt: a digest of the form and moment, the customer, the rows, the features."""
    name = customer.encode()
    made = sha256(start + fingerprint + len(name).to_bytes(4, "little") + name)
    made.update(features)
    return made.digest()[:LENGTH].hex()


def find_form(seen: Seen) -> Form:
    """Return the form of the answers that are made of this."""
    bundles = {b.target: b for b in seen.bundles}
    models = tuple((t, bundles[t].version, bundles[t].sha256) for t in seen.names)
    parts = tuple(
        (tuple(b.target for b in bundles), list_read(bundles)) for bundles, _ in seen.parts
    )
    return _make_form(models, parts)


@lru_cache(1_000)
def _make_form(models: tuple[Model, ...], parts: tuple[Part, ...]) -> Form:
    return Form(models, parts, fingerprint_dictionary(parts))


@lru_cache(1_000)
def fingerprint_dictionary(parts: tuple[Part, ...]) -> str:
    """Return a sha256 of what the features of the parts mean here, those of pairs among them."""
    names = tuple(sorted({name for _, read in parts for name in read}))
    entries = [*describe(names), *describe_pairs()]
    return sha256(json.dumps(entries).encode()).hexdigest()


def _stack(seen: Seen) -> Numbers:
    """Return a row of features per customer, those of each part after those of the one before."""
    columns = [known.columns[n] for bundles, known in seen.parts for n in list_read(bundles)]
    stacked = np.empty((len(seen.ids), len(columns)))
    for place, column in enumerate(columns):
        stacked[:, place] = column
    stacked += 0.0  # there is one zero only,
    stacked[np.isnan(stacked)] = np.nan  # and one NaN
    return stacked
