"""A PDF whose parts say what they are: headings, paragraphs, tables, drawings with words, in reading order. For somebody who hears it.

fpdf2 writes such tags for pictures only, each one alone under the document. This adds what is missing: elements within elements, text
that goes on over a page, and everything that is only for the eye (lines, page numbers) marked as such. It builds on parts of fpdf2 that
are not promised to stay as they are, which is why pyproject.toml names the versions that it was tried with.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

from fpdf import FPDF
from fpdf.structure_tree import StructElem, StructureTreeBuilder
from fpdf.syntax import PDFObject

Leaf = Literal["H1", "H2", "H3", "H4", "P", "TH", "TD", "Figure"]
Part = Literal["Table", "TR", "L", "LI", "LBody"]


class _Element(StructElem):
    """``a``: attributes, such as for which cells a head stands."""

    __slots__ = ("a",)

    def __init__(self, *told: Any, attributes: str | None = None, **more: Any) -> None:
        super().__init__(*told, **more)
        self.a = attributes


class _Tree(StructureTreeBuilder):
    """The elements of a document. fpdf2 gives every member of ``doc_struct_elem`` its page when it writes, so those that stand on a page
    are listed there; what is written as the document is ``document``."""

    def __init__(self) -> None:
        super().__init__()
        self.document = _Element("/Document", self.struct_tree_root, [])
        self.struct_tree_root.k[:] = [self.document]
        self.elements: list[StructElem] = []

    def under(self, parent: StructElem, kind: str, **more: Any) -> _Element:
        made = _Element(f"/{kind}", parent, [], **more)
        parent.k.append(made)
        self.elements.append(made)
        return made

    def place(self, element: StructElem, page: int) -> tuple[int, int]:
        """The number of this element among what stands on the page, and that of the page."""
        spid = self.spid_per_page_number.setdefault(page, len(self.spid_per_page_number))
        on_page = self.struct_tree_root.parent_tree.nums[spid]
        element.k.append(len(on_page))
        on_page.append(element)
        self.doc_struct_elem.k.append(element)
        return len(on_page) - 1, spid

    def __iter__(self) -> Iterator[PDFObject]:
        yield self.struct_tree_root
        yield self.document
        yield self.struct_tree_root.parent_tree
        yield from self.elements


class Tagged(FPDF):
    """Whatever is drawn outside ``tag`` must be drawn inside ``for_the_eye``."""

    def __init__(self, **told: Any) -> None:
        super().__init__(**told)
        self.tree: Final = _Tree()
        self.struct_builder = self.tree
        self._inside: list[StructElem] = [self.tree.document]
        self._open: StructElem | None = None

    @contextmanager
    def part(self, kind: Part) -> Iterator[None]:
        """What is tagged inside belongs together."""
        self._inside.append(self.tree.under(self._inside[-1], kind))
        try:
            yield
        finally:
            self._inside.pop()

    @contextmanager
    def tag(
        self, kind: Leaf, *, alt: str | None = None, scope: Literal["Row", "Column"] | None = None
    ) -> Iterator[None]:
        """What is drawn inside is one of these. ``alt``: in words, what a drawing shows. It may go on over a page."""
        attributes = f"<</O /Table /Scope /{scope}>>" if scope else None
        self._begin(self.tree.under(self._inside[-1], kind, page_number=self.page, alt=alt, attributes=attributes))
        try:
            yield
        finally:
            self._end()

    @contextmanager
    def for_the_eye(self) -> Iterator[None]:
        """What is drawn inside says nothing that is not said elsewhere."""
        self._out("/Artifact BMC")
        try:
            yield
        finally:
            self._out("EMC")

    def add_page(self, *told: Any, **more: Any) -> None:
        """Whatever is open is shut on the old page, and goes on on the new one."""
        going_on = self._open
        if going_on is not None:
            self._end()
        super().add_page(*told, **more)
        if going_on is not None:
            self._begin(self.tree.under(going_on, "Span", page_number=self.page))
            self._open = going_on

    def _begin(self, element: StructElem) -> None:
        number, self.pages[self.page].struct_parents = self.tree.place(element, self.page)
        self._out(f"{element.s} <</MCID {number}>> BDC")
        self._open = element

    def _end(self) -> None:
        self._out("EMC")
        self._open = None
