"""Header cards that break the FITS standard: mended before anything reads them, so that none stops the work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite

__all__ = ["CARD", "cards_of", "mended"]

CARD = 80
_COMMENTARY = ("COMMENT ", "HISTORY ", " " * 8)
_KEYWORD = re.compile(r"[A-Z0-9_-]+ *")
_STRING = re.compile(r" *'((?:[^']|'')*)' *(/.*)?")
_NUMBER = re.compile(r" *([+-]?(?:\d+\.?\d*|\.\d+)(?:[EDed][+-]?\d+)?) *(/.*)?")
_OTHER = re.compile(r" *([TF]|\( *[^,()/]+, *[^,()/]+\))? *(/.*)?")
_HIERARCH = re.compile(r"(HIERARCH +[^=]*[^= ] *= ?)(.*)")


def cards_of(header: bytes) -> Iterator[str]:
    """Yield the cards of a header, END and what follows it left out."""
    for start in range(0, len(header), CARD):
        card = header[start : start + CARD].decode("latin-1")
        if is_end(card):
            return
        yield card


def is_end(card: str) -> bool:
    """Whether a card is END."""
    return card[:8].rstrip(" \0") == "END"


def mended(header: bytes) -> tuple[bytes, list[str]]:
    """Return a header in which every card keeps to the standard, and what stood in the cards that did not.

    What is not printable becomes a blank or ``?``, a value that cannot be parsed a text; where the keyword is not
    legal either, the card becomes a COMMENT. A header without faults is returned as it is.
    """
    cards, faults = list[str](), list[str]()
    for card in cards_of(header):
        right = _right(card, cards[-1] if cards else "")
        if right != card:
            faults.append(_label(card) or "a card without a keyword")
        cards.append(right)
    whole = "".join((*cards, "END".ljust(CARD)))
    content = whole.ljust(len(header)).encode("ascii")
    return (content, faults) if content != header else (header, [])


def _label(card: str) -> str:
    """Return what to call a card: its keyword, or its beginning."""
    text = _printable(card)
    return text.partition("=")[0].strip() if text.startswith("HIERARCH") or text[8:9] == "=" else text[:30].strip()


def _right(card: str, before: str) -> str:
    if _is_right(card, before):
        return card
    text = _printable(card)
    if text[8:10] == " =":  # the sign is a column too far right
        text = text[:8] + "= " + text[10:]
    if text[8] == "=":
        text = (text[:8].upper() + "= " + text[9 + (text[9] == " ") :])[:CARD]
    for form in (text, _as_text(text)):
        if _is_right(form, before):
            return form
    return f"COMMENT {text.strip()[:72]}".ljust(CARD)


def _printable(card: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", " ", re.sub(r"[^\x00-\x7f]", "?", card))


def _is_right(card: str, before: str) -> bool:
    if not (card.isascii() and card.isprintable() and len(card) == CARD):
        return False
    if card.startswith("CONTINUE"):
        # A value goes on only where the one before it says so, with an ampersand at its end.
        goes_on = _STRING.fullmatch(before[10:] if before[8:10] == "= " else before[8:])
        return bool(goes_on and goes_on[1].rstrip().endswith("&") and _STRING.fullmatch(card[8:]))
    if card.startswith(_COMMENTARY):
        return True
    hierarch = _HIERARCH.fullmatch(card)
    if hierarch:
        return _is_value(hierarch[2])
    return bool(_KEYWORD.fullmatch(card[:8])) and (
        _is_value(card[10:]) if card[8:10] == "= " else "=" not in card[8:10]
    )


def _is_value(text: str) -> bool:
    number = _NUMBER.fullmatch(text)
    if number:
        return isfinite(float(re.sub("[Dd]", "e", number[1])))
    return bool(_STRING.fullmatch(text) or _OTHER.fullmatch(text))


def _as_text(card: str) -> str:
    """Return a card with its value as a text, its comment kept where there is room."""
    hierarch = _HIERARCH.fullmatch(card)
    start, value = hierarch.groups() if hierarch else (card[:10], card[10:])
    value, slash, comment = value.partition(" /")
    quoted = "'" + value.strip().strip("'").replace("'", "''").ljust(8) + "'"
    whole = start + quoted
    return f"{whole} /{comment}"[:CARD].ljust(CARD) if slash and len(whole) < CARD - 3 else whole.ljust(CARD)
