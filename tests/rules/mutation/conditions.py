"""Small changes of one condition: comparisons flipped, figures moved by one, terms dropped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from duban.rules.language import parse as tree
from duban.rules.language.parse import Node, parse

_OPERATOR = re.compile(r"==|!=|<=|>=|<|>|\bnot\s+in\b|\bin\b|[-+*/]")
_FLIPPED = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "in": "not in", "not in": "in",
    "+": "-", "-": "+", "*": "/", "/": "*",
}  # fmt: skip
_SWAPPED = {"any": "all", "all": "any", "min": "max", "max": "min"}
_OPPOSITES = {"empty": "given", "given": "empty"}
# What is asked of an item, true or false: the opposite is a change that nobody may miss.
_ASKED = frozenset({"absent", "mapped", "holds", "is_workday", "is_superior", "stands_for", "contains", "starts_with"})
_FIGURE = re.compile(r"\d+")


class Change(NamedTuple):
    """A condition after one change: the new text, the sort of change, the characters it is about, and in words."""

    text: str
    sort: str
    start: int
    end: int
    what: str


def changes(text: str) -> Iterator[Change]:
    """Yield a condition with each change that can be made to it, one at a time."""
    root = parse(text)
    if isinstance(root, tree.Name):
        yield _change(text, "opposite", root.start, root.end, f"not {text}")
    yield from _below(root, text)


def _below(node: Node, text: str) -> Iterator[Change]:
    match node:
        case tree.Binary() if node.operator in _FLIPPED:
            start, end = _between(node.left, node.right, text)
            sort = "arithmetic" if node.operator in "+-*/" else "comparison"
            yield _change(text, sort, start, end, _FLIPPED[node.operator])
        case tree.Junction():
            yield from _junction(node, text)
        case tree.Not():
            yield _change(text, "opposite", node.start, _wide(node.operand, text)[0], "")
        case tree.Literal():
            yield from _figures(node, text)
        case tree.ListOf() if len(node.items) > 1:
            yield from _without_each(node.items, text, "member")
        case tree.Each() if node.name in _SWAPPED:
            end = node.start + len(node.name)
            yield _change(text, "quantifier", node.start, end, _SWAPPED[node.name])
        case tree.Call():
            yield from _call(node, text)
    for child in tree.children(node):
        yield from _below(child, text)


def _junction(node: tree.Junction, text: str) -> Iterator[Change]:
    other = "or" if node.operator == "and" else "and"
    for left, right in zip(node.terms, node.terms[1:], strict=False):
        gap = text[left.end : right.start]
        start = left.end + gap.index(node.operator)
        yield _change(text, "and/or", start, start + len(node.operator), other)
    spans = [_wide(term, text) for term in node.terms]
    for index, (start, end) in enumerate(spans):
        if index + 1 < len(spans):
            yield _change(text, "condition", start, spans[index + 1][0], "")
        else:
            yield _change(text, "condition", spans[index - 1][1], end, "")


def _figures(node: tree.Literal, text: str) -> Iterator[Change]:
    written = text[node.start : node.end]
    figure = _FIGURE.match(written)
    if figure is not None:
        for step in (-1, 1):
            moved = f"{int(figure[0]) + step}{written[figure.end() :]}"
            yield _change(text, "threshold", node.start, node.end, moved)


def _call(node: tree.Call, text: str) -> Iterator[Change]:
    if node.name in _OPPOSITES:
        end = node.start + len(node.name)
        yield _change(text, "opposite", node.start, end, _OPPOSITES[node.name])
    elif node.name in _ASKED:
        yield _change(text, "opposite", node.start, node.start, "not ")
    elif node.name == "first" and len(node.arguments) == 2:
        for kept in node.arguments:
            yield _change(text, "alternative", node.start, node.end, text[kept.start : kept.end])


def _without_each(nodes: tuple[Node, ...], text: str, sort: str) -> Iterator[Change]:
    for index, node in enumerate(nodes):
        if index + 1 < len(nodes):
            yield _change(text, sort, node.start, nodes[index + 1].start, "")
        else:
            yield _change(text, sort, nodes[index - 1].end, node.end, "")


def _between(left: Node, right: Node, text: str) -> tuple[int, int]:
    found = _OPERATOR.search(text, left.end, right.start)
    assert found is not None, text
    return found.start(), found.end()


def _wide(node: Node, text: str) -> tuple[int, int]:
    """The characters of a term with the parentheses around it."""
    start, end = node.start, node.end
    while text[:start].rstrip().endswith("(") and text[end:].lstrip().startswith(")"):
        start = text[:start].rstrip().rindex("(")
        end += text[end:].index(")") + 1
    return start, end


def _change(text: str, sort: str, start: int, end: int, new: str) -> Change:
    before, after = text[start:end].strip(), new.strip()
    what = f"{before} -> {after}" if before and after else f"without {before}" if before else f"with {after}"
    return Change(text[:start] + new + text[end:], sort, start, end, what)
