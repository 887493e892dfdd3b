"""A sheet's rules of conditional formatting: what each may do to cells, and where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lib.spreadsheets.styles import RuleStyle

_LONGEST_NUMBER = 7
_PARTS = frozenset({"font", "fill", "border"})
LOOKS = (*sorted(_PARTS), "numFmt", "strike", "color", "bgColor", "fgColor")
"""Elements of which a look is made."""
Attributes = Mapping[str, str]


@dataclass(slots=True)
class Rule:
    look: RuleStyle | int
    """Its own, or the number of one of the workbook's styles of rules."""
    areas: list[str] = field(default_factory=list)
    """Where it may apply, such as `B2:B9 D4`, in pieces."""

    def places(self) -> list[str]:
        return "".join(self.areas).split()


class RuleScan:
    """
    Listens to a sheet's XML.

    A rule that looks at another sheet stands in an extension, with its own look inside and its cells
    behind it: https://learn.microsoft.com/openspecs/office_standards/ms-xlsx/ under CT_ConditionalFormatting.
    """

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self._areas = ""
        self._own: list[RuleStyle] = []
        self._part = ""

    def on_formatting(self, attributes: Attributes) -> None:
        self._areas, self._own = attributes.get("sqref", ""), []

    def on_rule(self, attributes: Attributes) -> None:
        style = attributes.get("dxfId", "")
        if style.isascii() and style.isdigit() and len(style) < _LONGEST_NUMBER:
            self.rules.append(Rule(int(style), [self._areas]))

    def on_look(self, _: Attributes) -> None:
        self._own.append(RuleStyle())

    def of_look(self, kind: str) -> Callable[[Attributes], None]:
        """For an element of a rule's own look."""

        def on_element(attributes: Attributes) -> None:
            if kind in _PARTS:
                self._part = kind
            elif self._own:
                self._own[-1] = self._own[-1].looks_like(self._part, kind, attributes)

        return on_element

    def cells_of_own(self) -> Callable[[str], None] | None:
        """What is to be told the text that names the cells of the rules before it; None where there are none."""
        if not self._own:
            return None
        areas: list[str] = []
        self.rules += [Rule(look, areas) for look in self._own]
        self._own = []
        return areas.append
