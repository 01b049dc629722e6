"""What several models make of the same few rows is made once."""

import numpy as np

from contract.linear import Logistic
from contract.models import FEW, Few, find_few, make_once


def count_calls(columns):
    made = []
    for _ in range(3):
        make_once(columns, "sum", lambda: made.append(columns["a"] + 1))
    return len(made)


def test_what_is_made_of_few_rows_is_made_once_and_of_many_each_time():
    assert count_calls(find_few({"a": np.zeros(FEW)})) == 1
    assert count_calls(find_few({"a": np.zeros(FEW + 1)})) == 3


def test_models_that_read_the_same_few_rows_say_what_they_say_of_plain_columns():
    plain = {"a": np.array([0.0, 1.5, np.nan]), "b": np.array([3.0, -2.0, 7.0])}
    few = find_few(plain)
    models = [
        Logistic((("a",), ("a", "b")), (0.5, -1.0), 0.25, 1.0),
        Logistic((("a",), ("a", "b")), (2.0, 0.125), 0.0, 1.0),
        Logistic((("b",),), (2.0,), 0.0, 1.0),
    ]
    for model in models:
        assert np.array_equal(model.margin(few, -1.0), model.margin(plain, -1.0))
    assert isinstance(few, Few)
    assert len(few.made) == 2  # the terms of the first two are the same
