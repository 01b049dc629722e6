"""A feature's value as a sentence, in English or Chinese, true of the customer it is told of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import isnan
from typing import Literal

from contract.columns import ATTRIBUTE
from contract.norms import Norms
from features.dictionary import find_feature, is_of_attribute
from features.pairs import PAIRS, UNITS
from serving.reasons.groups import cut_ending
from serving.reasons.labels import LABELS
from serving.reasons.more_labels import MORE_LABELS

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

ALL_LABELS = {**LABELS, **MORE_LABELS}
SILENCE, GAP, LATENESS = "days_since_order", "mean_gap", "lateness"
BESIDE = (SILENCE, GAP)  # what sentences tell beside their own feature
PERCENT = ("share", "probability")


@dataclass(frozen=True)
class Spoken:
    """One customer's features, what is usual in the shop, and the category that is spoken of."""

    values: Mapping[str, float]
    norms: Norms
    language: Language = "en"
    category: str = ""


def tell_feature(name: str, spoken: Spoken) -> str:
    """Return a sentence that holds the customer's own value of the feature."""
    return make_teller(name, spoken)(spoken.values)


def make_teller(name: str, spoken: Spoken) -> Callable[[Mapping[str, float]], str]:
    """Return what tells the feature of one customer's values, all else as it is spoken."""
    own, unit, english = _SENTENCES.get(name), find_unit(name), spoken.language == "en"
    label = _label(name, spoken)
    start, end = (f"{label}: ", ".") if english else (f"{label}：", "。")
    missing = f"{start}{_tell_missing(name, english)}{end}"
    ranked = unit.endswith("rank")

    def tell(values: Mapping[str, float]) -> str:
        told = own(values, english) if own else None
        if told:
            return told
        value = values[name]
        if isnan(value):
            return missing
        text = _name_rank(name, value, spoken) if ranked else None
        return f"{start}{text or tell_number(value, unit, english)}{end}"

    return tell


def tell_number(number: float, unit: str, english: bool) -> str:
    """Return a number as people of the language write it, with its unit where that is none else."""
    if unit in PERCENT:
        share = f"{100 * number:.0f}" if number >= 0.1 or not number else f"{100 * number:.1f}"
        return f"{share} %" if english else f"{share}%"
    if unit.startswith("money"):
        return f"{number:,.2f}"
    plain = _round(number)
    return _tell_days(number, plain, english) if unit == "days" else plain


def _tell_days(number: float, plain: str, english: bool) -> str:
    if 0 < number < 1:
        return "less than a day" if english else "不到1天"
    if not english:
        return f"{plain}天"
    return f"{plain} day" if plain == "1" else f"{plain} days"


@cache
def find_unit(name: str) -> str:
    """Return the unit of a feature of a customer or of a pair."""
    return UNITS[PAIRS[name]] if name in PAIRS else find_feature(name).unit


def _round(number: float) -> str:
    places = 0 if abs(number) >= 10 else 1 if abs(number) >= 1 else 2
    told = f"{number:,.{places}f}"
    told = told.rstrip("0").rstrip(".") if "." in told else told
    return "0" if told == "-0" else told


def _label(name: str, spoken: Spoken) -> str:
    if is_of_attribute(name):
        return name.removeprefix(ATTRIBUTE)
    stem, number = cut_ending(name)
    label = ALL_LABELS[name if name in ALL_LABELS else stem][LANGUAGES.index(spoken.language)]
    if name in PAIRS:
        return label.format(n=spoken.category)
    if stem in ("category_share", "category_lateness") and number:
        known = spoken.norms.vocabulary.get("category", ())
        return label.format(n=known[number - 1] if number <= len(known) else f"no. {number}")
    return label.format(n=number)


def _name_rank(name: str, value: float, spoken: Spoken) -> str | None:
    """Return the name that a rank stands for; a number of a shop's own stays a number."""
    column = "category" if name == "favourite_category" else name
    known = spoken.norms.vocabulary.get(column, ())
    held = float(value).is_integer() and 1 <= value <= len(known)
    return known[int(value) - 1] if held else None


def _tell_missing(name: str, english: bool) -> str:
    rule = "" if name in PAIRS else find_feature(name).meaning.partition("; null ")[2]
    for word, (english_text, chinese_text) in _MISSING.items():
        if word in rule:
            return english_text if english else chinese_text
    return "not known" if english else "未知"


# The rule of the dictionary by a word in it; the first that fits.
_MISSING: Mapping[str, tuple[str, str]] = {
    "second": ("too few so far to tell", "次数太少，尚无法判断"),
    "third": ("too few so far to tell", "次数太少，尚无法判断"),
    "fourth": ("too few so far to tell", "次数太少，尚无法判断"),
    "until": ("none so far", "暂无"),
}


def _tell_silence(values: Mapping[str, float], english: bool) -> str:
    silence, gap = (values.get(n, float("nan")) for n in BESIDE)
    if isnan(silence):
        return "No order yet." if english else "尚未下过订单。"
    days = tell_number(silence, "days", english)
    start = f"Last order {days} ago" if english else f"上次下单在{days}前"
    if isnan(gap):
        return f"{start}, the only one so far." if english else f"{start}，迄今仅此一单。"
    usual = tell_number(gap, "days", english)
    return f"{start}; usual gap is {usual}." if english else f"{start}，通常间隔为{usual}。"


def _tell_lateness(values: Mapping[str, float], english: bool) -> str | None:
    silence, gap = (values.get(n, float("nan")) for n in BESIDE)
    times = values[LATENESS]
    # A gap of less than a day counts as one, and would not be told truly.
    if isnan(times) or isnan(silence) or not gap >= 1:
        return None
    days, usual = (tell_number(told, "days", english) for told in (silence, gap))
    if english:
        return f"Silent for {days}, {times:.1f} times the usual gap of {usual}."
    return f"已有{days}未下单，是通常间隔（{usual}）的{times:.1f}倍。"


_SENTENCES: Mapping[str, Callable[[Mapping[str, float], bool], str | None]] = {
    SILENCE: _tell_silence,
    LATENESS: _tell_lateness,
}
