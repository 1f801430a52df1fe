"""Pages stay short and their links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "pipelines").rglob("*.md"),
    ROOT / "saved_models" / "README.md",
]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def slugs(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub and mkdocs make them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {title.strip().replace(" ", "-") for title in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = CODE.sub("`", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), f"{page}: {target} does not exist"
        assert not anchor or anchor in slugs(there), f"{page}: no heading {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_of_the_package_exist(page):
    """`kerasseg.a.b.c`: a module, or a name in the module before it."""
    text = page.read_text(encoding="utf-8")
    if page.name == "CHANGELOG.md":  # its table says in the second column what is now
        text = "\n".join(re.findall(r"^\|[^|]*(\|[^|]*\|)$", text, re.MULTILINE))
    for name in set(re.findall(r"\bkerasseg(?:\.[A-Za-z_]\w*)+", text)):
        *parents, last = name.split(".")
        if last.isupper() and len(parents) == 1:  # kerasseg.NAME: any command
            continue
        module = ROOT.joinpath(*parents)
        if (module / last).is_dir() or (module / f"{last}.py").is_file():
            continue
        source = (
            module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
        )
        assert source.is_file(), f"{page}: {name} does not exist"
        assert re.search(rf"\b{last}\b", source.read_text()), f"{page}: no {name}"


def test_the_readme_is_for_newcomers():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_prose_of_docstrings_keeps_its_form():
    pytest.importorskip("griffe")
    import runpy

    markdown = runpy.run_path(str(ROOT / "docs" / "docstrings.py"))["markdown"]
    prose = (
        "Builds.\n\nsize: pixels, two\n    of them. depth: levels.\nRaises UserError."
    )
    assert markdown(prose) == (
        "Builds.\n\n- `size`: pixels, two\n    of them. depth: levels.\n\n"
        "Raises UserError."
    )
    assert markdown("A run.\n\na.toml  settings\nb.csv   log") == (
        "A run.\n\n    a.toml  settings\n    b.csv   log"
    )
    google = "Warps.\n\nArgs:\n    image: floats.\n    size: pixels."
    assert markdown(google) == google
