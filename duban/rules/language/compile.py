"""Tree -> checked Python source. One pass: types are checked and the source is written together.

A condition has two sources, one that is true when it surely holds and one that is true when it surely does not
(``not`` is pushed down to the leaves), so unknown is neither. ``eval`` only ever sees source made here from checked
nodes: names from the scope, literals through ``repr``.
"""

from __future__ import annotations

from duban.rules.language import parse as tree
from duban.rules.language.parse import LanguageError, Node
from duban.rules.language.types import BOOL, LISTS, NULL, ORDERED, PAIRS, TEXTS
from duban.rules.language.values import Code, Uses, Values
from duban.rules.patterns import found_everywhere
from duban.yamlfile import nearest

_NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "in": "not in", "not in": "in"}
_MIRRORED = {">": "<", ">=": "<="}


class Compiler(Values):
    """Compiles the expressions of one rule: conditions here, values in :class:`Values`."""

    def truth(self, node: Node, positive: bool = True) -> str:
        """Return the source that is true when the condition surely holds (or surely does not)."""
        match node:
            case tree.Not():
                return self.truth(node.operand, not positive)
            case tree.Junction():
                joined = f" {node.operator if positive else ('or' if node.operator == 'and' else 'and')} "
                return "(" + joined.join(self.truth(term, positive) for term in node.terms) + ")"
            case tree.Binary(operator="matches"):
                return self._match(node, positive)
            case tree.Binary() if node.operator in _NEGATED:
                return self._comparison(node, node.operator if positive else _NEGATED[node.operator])
            case tree.Each() if node.name in {"any", "all"}:
                return self._quantified(node, positive)
            case tree.Call(name="holds"):
                return self._holds(node, positive)
            case tree.Call() if node.name in {"empty", "given", "absent", "mapped"}:
                return self._predicate(node, positive)
            case _:
                return self._plain(node, positive)

    def _plain(self, node: Node, positive: bool) -> str:
        code = self.value(node)
        if code.type != BOOL:
            raise LanguageError(f"a condition is needed here, this is a {code.type}", node.start, node.end)
        if code.unknown:
            return "False"
        if positive:
            return f"({code.source} is True)" if code.nullable else f"({code.source})"
        return f"({code.source} is False)" if code.nullable else f"(not {code.source})"

    # --- comparisons

    def _comparison(self, node: tree.Binary, operator: str) -> str:
        if operator in {"in", "not in"}:
            return self._membership(node, operator)
        left, right = self.value(node.left), self.value(node.right)
        self._comparable(node, left, right)
        if left.unknown or right.unknown:
            return "False"
        if operator in {"==", "!="}:
            return self._equality(node, operator, left, right)
        if operator in _MIRRORED:
            left, right, operator = right, left, _MIRRORED[operator]
        return _ordered(left, right, operator)

    def _comparable(self, node: tree.Binary, left: Code, right: Code) -> None:
        names = {left.type.name, right.type.name}
        if node.operator in {"==", "!="}:
            if NULL.name in names:
                return
            if left.type.name == right.type.name and left.type.name in {*ORDERED, "text", "bool"}:
                self._options(node.left, left, right)
                self._options(node.right, right, left)
                return
        elif left.type.name == right.type.name and left.type.name in ORDERED:
            return
        advice = ""
        if names == {"date", "datetime"}:
            advice = "; write day(…) around the one with a time"
        elif "text" in names and names & {"date", "datetime"}:
            advice = '; a day is written date("2024-07-31"), a time at(date("2024-07-31"), "18:00")'
        elif names == {"duration", "number"}:
            advice = "; a duration has a unit: 3d, 48h or 30m"
        elif names & {"texts", "people", "items", "links"}:
            advice = '; a list is asked with "x" in list, count(list) or any(x in list, …)'
        message = f"{left.type} and {right.type} cannot be compared with {node.operator}{advice}"
        raise LanguageError(message, node.start, node.end)

    def _options(self, place: Node, literal: Code, other: Code) -> None:
        word, options = literal.constant, other.type.options
        if not isinstance(word, str):
            return
        if options and word not in options:
            meant = dict(other.type.aliases).get(word.strip().casefold()) or nearest(word, options)
            if other.type.closed or meant:  # an open one keeps a word of the tool's own
                message = f"this can never be {word!r}, only {', '.join(options)}"
                raise LanguageError(message, place.start, place.end, meant)
        if word != word.strip() and other.symbol is not None and other.symbol.field is not None:
            message = "a cell is read without spaces around it, so this can never be the same"
            raise LanguageError(message, place.start, place.end, word.strip())

    def _equality(self, node: tree.Binary, operator: str, left: Code, right: Code) -> str:
        if NULL in {left.type, right.type}:
            about, place = (left, node.left) if right.type == NULL else (right, node.right)
            return self._emptiness(about, place, operator == "==")
        return f"({left.source} {operator} {right.source})"

    def _membership(self, node: tree.Binary, operator: str) -> str:
        if isinstance(node.left, tree.ListOf):
            return self._pair(node.left, node.right, operator)
        left = self.value(node.left)
        if isinstance(node.right, tree.ListOf):
            listed, unknown = self._listed(node, left, node.right)
        else:
            right = self.value(node.right)
            if right.type != TEXTS or left.type.name != "text":
                raise LanguageError(f"{left.type} in {right.type} is not possible", node.start, node.end)
            listed, unknown = f"({right.source} or ())" if right.nullable else right.source, right.unknown
        return "False" if unknown or left.unknown else f"({left.source} {operator} {listed})"

    def _pair(self, left: tree.ListOf, right: Node, operator: str) -> str:
        pair, table = [self.value(part) for part in left.items], self.value(right)
        if table.type != PAIRS or [code.type.name for code in pair] != ["text", "text"]:
            message = "a list of two texts on the left needs a table of pairs on the right"
            raise LanguageError(message, left.start, right.end)
        if any(code.unknown for code in pair):
            return "False"
        return f"(({pair[0].source}, {pair[1].source}) {operator} {table.source})"

    def _listed(self, node: tree.Binary, left: Code, right: tree.ListOf) -> tuple[str, bool]:
        if not right.items:
            raise LanguageError("nothing is in an empty list", right.start, right.end)
        members = [self.value(member) for member in right.items]
        for place, member in zip(right.items, members, strict=True):
            self._comparable(tree.Binary(place.start, place.end, "==", node.left, place), left, member)
        listed = "(" + "".join(f"{member.source}, " for member in members) + ")"
        return listed, any(member.unknown for member in members)

    def _match(self, node: tree.Binary, positive: bool) -> str:
        text = self._of_type(node.left, "text")
        name = self._pattern(node.right)
        written = isinstance(node.right, tree.Literal) or (isinstance(node.right, tree.Name) and name in self.in_view)
        if self.scope.mapped is None and written and found_everywhere(self.scope.patterns.get(name, name[1:])):
            raise LanguageError("this pattern is found in every text", node.right.start, node.right.end)
        return "False" if text.unknown else f"(_search({name!r}, {text.source}) is {positive})"

    # --- lists, emptiness, other rules

    def _quantified(self, node: tree.Each, positive: bool) -> str:
        inner, listed, variable, _, unknown = self._binder(node)
        body = inner.truth(node.body, positive)
        if unknown:
            return "False"
        function = node.name if positive else ("all" if node.name == "any" else "any")
        return f"{function}({body} for {variable} in {listed})"

    def _predicate(self, node: tree.Call, positive: bool) -> str:
        if len(node.arguments) != 1 or node.base is not None:
            raise LanguageError(f"{node.name}(x) takes one value", node.start, node.end)
        before = set(self.uses.fields)
        about = self.value(node.arguments[0])
        field = about.symbol.field if about.symbol is not None else None
        if node.name in {"mapped", "absent"} and field is not None and field not in before:
            self.uses.fields.discard(field)  # asked for because it may not be there
        if node.name == "mapped":
            if field is None:
                raise LanguageError("mapped(x) asks for a field", node.start, node.end)
            return str(about.unknown is not positive)
        if about.unknown:
            return str(positive) if node.name == "absent" else "False"
        return self._emptiness(about, node, (node.name in {"empty", "absent"}) is positive)

    def _emptiness(self, code: Code, node: Node, wanted: bool) -> str:
        if code.unknown:
            return "False"
        if code.type.name in LISTS:
            return f"(not {code.source})" if wanted else f"bool_({code.source})"
        if not code.nullable:
            raise LanguageError("this can never be empty", node.start, node.end)
        if code.symbol is not None and code.symbol.field is not None and code.type.name in ORDERED:
            holder = code.source.rsplit(".v[", 1)[0]
            bad = f"({holder}.bad and {code.symbol.field!r} in {holder}.bad)"
            missing = f"({code.source} is None and not {bad})"
            return missing if wanted else f"(not {missing})"
        return f"({code.source} is None)" if wanted else f"({code.source} is not None)"

    def _holds(self, node: tree.Call, positive: bool) -> str:
        literal = node.arguments[0] if len(node.arguments) == 1 else None
        if not isinstance(literal, tree.Literal) or not isinstance(literal.value, str):
            raise LanguageError('holds("RULE-ID") takes the id of one rule', node.start, node.end)
        if literal.value not in self.scope.rules:
            near = nearest(literal.value, self.scope.rules)
            raise LanguageError(f"there is no rule {literal.value}", literal.start, literal.end, near)
        holder = self._context
        if node.base is not None:
            base = self.value(node.base)
            if base.type.name != "item":
                raise LanguageError("holds is asked of an item", node.base.start, node.base.end)
            holder = base.source
        self.uses.rules.add(literal.value)
        return f"({literal.value!r} {'in' if positive else 'not in'} {holder}.hits)"


def _ordered(left: Code, right: Code, operator: str) -> str:
    if not left.nullable and not right.nullable:
        return f"({left.source} {operator} {right.source})"
    guards = [code.source for code in (left, right) if code.nullable]
    if all("(" not in source for source in guards):  # cheap to write twice
        checks = " and ".join(f"{source} is not None" for source in guards)
        return f"({checks} and {left.source} {operator} {right.source})"
    return f"{'_less' if operator == '<' else '_at_most'}({left.source}, {right.source})"


__all__ = ["Code", "Compiler", "Uses"]
