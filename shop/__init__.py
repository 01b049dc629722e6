"""The shop room invents a shop whose truth is known, so that scores can be held against it."""

from .clock import tell_season
from .make import make_shop
from .plan import Plan

__all__ = ["Plan", "make_shop", "tell_season"]
