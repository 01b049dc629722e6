"""Receipts of answers: each a digest of all that its answer was made of."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any

import numpy as np

from contract.flat import flat_schema, list_own
from contract.models import Numbers
from contract.moments import as_micros
from contract.norms import Norms
from features.dictionary import describe
from features.history import History
from features.pairing import describe_pairs
from serving.receipts.rows import Rows, find_rows
from serving.scorer import Seen, find_norms, list_read

# Of a flat row: what only concerns the request, or is kept apart.
BESIDE = ("customer_id", "as_of", "receipt", "warnings", "model_versions")

LENGTH = 16  # bytes of a receipt, told in twice as many letters

MOST_FORMS = 50  # held: of each set of models and targets there is one

Model = tuple[str, str, str]  # target, version, sha256
Part = tuple[tuple[str, ...], tuple[str, ...]]  # targets, and the features they answer by


@dataclass(frozen=True)
class Form:
    """What all answers by the same models for the same targets have in common.

    Each of `parts` are targets that go by the same norms, and the features that were read for them;
    a kept row of features is those of all parts, one after another. `columns` are what is kept of
    an answer's flat row.
    """

    models: tuple[Model, ...]
    parts: tuple[Part, ...]
    columns: tuple[str, ...]
    dictionary: str

    @cached_property
    def told(self) -> str:
        """The form as JSON."""
        return json.dumps(
            [self.models, self.parts, self.columns, self.dictionary], separators=(",", ":")
        )

    @cached_property
    def key(self) -> str:
        """A digest of the form."""
        return sha256(self.told.encode()).hexdigest()


def read_form(told: str) -> Form:
    """Return the form that was told as JSON."""
    models, parts, columns, dictionary = json.loads(told)
    return Form(
        tuple(tuple(model) for model in models),
        tuple((tuple(targets), tuple(names)) for targets, names in parts),
        tuple(columns),
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
    (form, norms), as_of_us = find_form(seen), as_micros(seen.as_of)
    rows = find_rows(history, as_of_us, norms)
    ids = tuple(customers or seen.ids.to_pylist())
    features = _stack(seen, form)
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


def find_form(seen: Seen) -> tuple[Form, Norms]:
    """Return the form of the answers that are made of this, and the norms that rows go by."""
    groups = tuple(bundles for bundles, _ in seen.parts)
    # By identity, which is asked sooner than what they are; held, so that no other gets it.
    key = (tuple(tuple(id(b) for b in bundles) for bundles in groups), seen.names)
    held = _FORMS.get(key)
    if held is None:
        if len(_FORMS) >= MOST_FORMS:
            _FORMS.clear()
        held = _FORMS[key] = _make_form(seen), find_norms(seen.bundles), groups
    return held[:2]


def _make_form(seen: Seen) -> Form:
    bundles = {b.target: b for b in seen.bundles}
    parts = tuple((tuple(b.target for b in own), list_read(own)) for own, _ in seen.parts)
    return Form(
        models=tuple((t, bundles[t].version, bundles[t].sha256) for t in seen.names),
        parts=parts,
        columns=tuple(n for n in flat_schema(list_own(seen.names)).names if n not in BESIDE),
        dictionary=fingerprint_dictionary(parts),
    )


_FORMS: dict[Any, tuple[Form, Norms, Any]] = {}


@lru_cache(1_000)
def fingerprint_dictionary(parts: tuple[Part, ...]) -> str:
    """Return a sha256 of what the features of the parts mean here, those of pairs among them."""
    names = tuple(sorted({name for _, read in parts for name in read}))
    entries = [*describe(names), *describe_pairs()]
    return sha256(json.dumps(entries).encode()).hexdigest()


def _stack(seen: Seen, form: Form) -> Numbers:
    """Return a row of features per customer, those of each part after those of the one before."""
    columns = [
        known.columns[name]
        for (_, known), (_, names) in zip(seen.parts, form.parts, strict=True)
        for name in names
    ]
    joined = np.concatenate(columns).reshape(len(columns), -1)
    stacked = np.add(joined.T, 0.0, order="C")  # there is one zero only,
    stacked[np.isnan(stacked)] = np.nan  # and one NaN
    return stacked
