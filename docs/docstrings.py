"""A griffe extension: free prose of docstrings becomes Markdown that keeps its form.

Many docstrings explain their arguments in lines such as "size: height and width, ...".
Without this, Markdown would join these lines into one paragraph.
"""

from __future__ import annotations

import re

from griffe import Extension

ITEM = re.compile(r"(?P<name>[a-z_0-9]+(, [a-z_0-9]+)*): (?P<text>\S.*)")
SECTION = re.compile(r"(Args|Returns|Raises|Yields|Examples?|Attributes|Note):$")


class Prose(Extension):
    def on_object(self, *, obj, **_):
        if obj.docstring:
            obj.docstring.value = markdown(obj.docstring.value)


def markdown(text: str) -> str:
    """The docstring with its lists of arguments as Markdown lists; sections stay."""
    parts = re.split(r"\n[ ]*\n", text)
    section = next(
        (i for i, part in enumerate(parts) if SECTION.match(part.split("\n")[0])),
        len(parts),
    )
    parts = [*map(_paragraph, parts[:section]), *parts[section:]]
    return "\n\n".join(map(_example, parts))


def _example(text: str) -> str:
    """Lines with >>> as a section of their own: one without a heading is prose."""
    if not text.startswith(">>>"):
        return text
    return "\n".join(["Examples:", *(f"    {line}" for line in text.split("\n"))])


def _paragraph(text: str) -> str:
    lines = text.split("\n")
    if len(lines) > 1 and all(re.search(r"\S {2,}\S", line) for line in lines[:-1]):
        return "\n".join(f"    {line}" for line in lines)  # columns: as they are
    if lines[0].startswith((" ", "- ", ">>>")):
        return text
    paragraph, listed = [], False
    for line in lines:
        item = ITEM.fullmatch(line)
        if item and (listed or _begins_list(line, lines)):
            if not listed and paragraph:
                paragraph.append("")
            paragraph.append(f"- `{item['name']}`: {item['text']}")
            listed = True
        elif listed and line.startswith("Raises "):
            paragraph += ["", line]
            listed = False
        elif listed:
            paragraph.append(f"    {line.strip()}")
        else:
            paragraph.append(line)
    return "\n".join(paragraph)


def _begins_list(line: str, lines: list[str]) -> bool:
    """A line "name: text" that begins its paragraph, or with others of its kind."""
    return line is lines[0] or sum(bool(ITEM.fullmatch(each)) for each in lines) > 1
