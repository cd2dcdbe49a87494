"""Text of a condition -> tokens, and the error that every part of the language raises."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta
from typing import Any, NamedTuple, NoReturn

from duban.rules.language.spoken import spoken_number

LONGEST = 4000
LONGEST_DURATION = timedelta(days=36_525)
_LONGEST_NUMBER = 15  # digits: what a float keeps exactly


class LanguageError(Exception):
    """A condition is wrong: the sentence, the characters it is about, and the nearest right word if there is one."""

    def __init__(self, message: str, start: int, end: int, suggestion: str | None = None) -> None:
        self.message, self.start, self.end, self.suggestion = message, start, max(end, start + 1), suggestion
        super().__init__(f"{message}; did you mean {suggestion!r}?" if suggestion else message)


class Token(NamedTuple):
    """One word or sign of a condition and the characters it covers; ``value`` of a literal."""

    kind: str  # number duration text name op end
    text: str
    start: int
    end: int
    value: Any = None


_WORDS = {"或": "or", "||": "or", "且": "and", "并且": "and", "&&": "and", "非": "not", "!": "not"}
_SPACE = re.compile(r"\s+")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(d|h|m)(?![A-Za-z0-9_])")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_NAME = re.compile(r"[A-Za-z_\u3400-\u9fff][A-Za-z0-9_\u3400-\u9fff%]*")
_OPERATOR = re.compile(r"==|!=|<=|>=|&&|\|\||[<>!+\-*/()\[\],.]")
_SIGNS = dict(zip("“”„‘’「」『』【】〔〕、—–−×÷", '"""\'\'""""[][],---*/', strict=True))
_PLAIN = _SIGNS | {"≥": ">=", "≤": "<=", "≠": "!="}
_ALMOST = {"<>": "!=", "=<": "<=", "=>": ">=", ":=": "==", "===": "==", "!==": "!=", "=": "==", "&": "and", "|": "or"}
_ALMOSTS = re.compile(r"<>|=<|=>|:=|===|!==|=(?!=)|&(?!&)|\|(?!\|)")
COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in", "not in", "matches"})


def tokens(source: str) -> list[Token]:
    """Split a condition into tokens; raises ``LanguageError`` at the first character that belongs to none."""
    if len(source) > LONGEST:
        message = f"the condition is longer than {LONGEST} characters; split it into several rules"
        raise LanguageError(message, 0, LONGEST)
    found: list[Token] = []
    place = 0
    while place < len(source):
        space = _SPACE.match(source, place)
        if space:
            place = space.end()
            continue
        token = _token(source, place)
        found.append(token)
        place = token.end
    found.append(Token("end", "", len(source), len(source)))
    return found


def _token(source: str, place: int) -> Token:
    character = source[place]
    if character in "\"'":
        end = source.find(character, place + 1)
        if end < 0:
            closed = next((sign for sign in "”“’‘" if sign in source[place + 1 :]), None)
            hint = f"; it ends with {closed}, write {character}" if closed else ""
            raise LanguageError(f"the text that starts with {character} has no end{hint}", place, len(source))
        return Token("text", source[place : end + 1], place, end + 1, source[place + 1 : end])
    if match := _NUMBER.match(source, place):
        return _number(source, place, match)
    if match := _NAME.match(source, place):
        return _word(match[0], place)
    if almost := _ALMOSTS.match(source, place):
        plain = _ALMOST[almost[0]]
        said = "a comparison is written ==" if plain == "==" else f"{almost[0]} is written {plain}"
        raise LanguageError(said, place, almost.end(), plain)
    if match := _OPERATOR.match(source, place):
        text = _WORDS.get(match[0], match[0])
        return Token("op", text, place, match.end())
    return _refuse(source, place)


def _number(source: str, place: int, match: re.Match[str]) -> Token:
    if len(match[0]) > _LONGEST_NUMBER + 1:
        raise LanguageError(f"a number has at most {_LONGEST_NUMBER} digits", place, match.end())
    if (meant := spoken_number(source, place, match.end())) is not None:
        raise LanguageError(meant.message, place, place + meant.length, meant.suggestion)
    if long := _DURATION.match(source, place):
        seconds = float(long[1]) * {"d": 86_400, "h": 3_600, "m": 60}[long[2]]
        if seconds > LONGEST_DURATION.total_seconds():
            raise LanguageError("a duration is at most a hundred years", place, long.end())
        return Token("duration", long[0], place, long.end(), timedelta(seconds=seconds))
    return Token("number", match[0], place, match.end(), float(match[0]) if "." in match[0] else int(match[0]))


def _word(text: str, place: int) -> Token:
    # Chinese connectives may stand without spaces around them: 状态 != "已完成" 且 …; a name never contains one alone.
    word = _WORDS.get(text, text)
    kind = "op" if word in {"or", "and", "not", "in", "matches"} else "name"
    return Token(kind, word, place, place + len(text))


def _refuse(source: str, place: int) -> NoReturn:
    character = source[place]
    plain = _PLAIN.get(character) or unicodedata.normalize("NFKC", character)
    if plain != character and plain.isascii() and plain.strip():
        raise LanguageError(f"full-width {character!r} is not part of the language; write {plain!r}", place, place + 1)
    raise LanguageError(f"{character!r} has no meaning here", place, place + 1)
