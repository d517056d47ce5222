"""The bibliography as data: what references.md holds, and links to it from plain citations."""

from __future__ import annotations

import functools
import re
import unicodedata
from pathlib import Path

PAGE = Path(__file__).parent / "references.md"

_ENTRY = re.compile(r"^\((\w+)\)=\n\*\*\[\1\]\*\* ([^\n(]+) \((\d{4})\)", re.MULTILINE)
_KEY = re.compile(r"\[([A-Z][A-Za-z]*\d\d)\]")
# "Kramers (1940)", "Kramers, Physica 7, 284 (1940)" or "Risken, Title (Springer, 1989)".
_CITATION = re.compile(r"(?P<before>[^();:\[\]`]*)\((?:[^();:]*, )?(?P<year>[12]\d{3})\)")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "o", "ß": "ss"})


@functools.cache
def entries() -> dict[str, tuple[frozenset[str], str]]:
    """Key -> (surnames in ASCII, both ways of writing an umlaut; year)."""
    found = {}
    for key, authors, year in _ENTRY.findall(PAGE.read_text(encoding="utf-8")):
        names = set()
        for word in re.findall(r"[^\W\d_][\w'’-]+", authors):
            names |= {word.translate(_UMLAUTS), _without_accents(word)}
        found[key] = (frozenset(names), year)
    return found


def key_of(surname: str, year: str) -> str | None:
    """The key of the one entry of this author and year; None if there is none or several."""
    matches = [key for key, (names, when) in entries().items() if surname in names and when == year]
    return matches[0] if len(matches) == 1 else None


def linked(text: str, form: str) -> str:
    """Replace citations by ``form``, which holds {text} and {key}; unknown ones are left alone."""

    def replacement(match: re.Match[str]) -> str:
        for word in re.finditer(r"\b[A-Z][\w'-]+", match["before"]):
            key = key_of(word[0], match["year"])
            if key:
                before, cited = match[0][: word.start()], match[0][word.start() :]
                return before + form.format(text=cited, key=key)
        return match[0]

    text = _CITATION.sub(replacement, text)
    return _KEY.sub(lambda match: form.format(text=match[0], key=match[1]), text)


def unknown(text: str) -> list[str]:
    """Citations of the text that the bibliography does not hold."""
    keys = [key for key in _KEY.findall(text) if key not in entries()]
    left = _CITATION.findall(re.sub(r"\{.*?\}", "", linked(text, "{{{text} {key}}}")))
    return keys + [f"{before.strip()} ({year})" for before, year in left]


def _without_accents(word: str) -> str:
    plain = unicodedata.normalize("NFD", word.replace("ø", "o").replace("’", "'"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))
