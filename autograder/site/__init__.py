"""`python -m autograder site --out DIR`: the course as a web site, from the same sources, without a network.

Lessons come with their stored outputs, exercises with a link to Colab. A folder of Markdown and notebooks is laid out
as the repository is, so that their links hold, and Sphinx makes the pages of it. They need no server: open index.html.
"""

import argparse
import json
import re
import shutil
import tempfile
from pathlib import Path

import nbformat

from autograder import help
from autograder.build import ROOT
from autograder.site import explorer

HERE = Path(__file__).parent
PRIVATE = "This site holds tables made of MovieLens 100K, whose licence forbids passing them on: do not publish it."
BADGE = re.compile(r"\[!\[([^]]*)\]\([^)]*\)\]\(([^)]*)\)")  # an image from another host, in a link


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m autograder site", description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the pages go")
    parser.add_argument(
        "--movielens",
        action="store_true",
        help="the explorer shows MovieLens 100K, prepared on this machine; such a site must not be published",
    )
    options = parser.parse_args(argv)
    return build(options.out, movielens=options.movielens)


def build(out: Path, *, movielens: bool = False) -> int:
    """Writes the site to the folder `out`; returns Sphinx's exit code, which is not 0 if a link leads nowhere."""
    from sphinx.cmd.build import build_main

    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder, "sources")
        lay_out(sources, movielens)
        options = ["-q", "-W", "--keep-going", "-c", str(HERE), "-d", str(Path(folder, "doctrees"))]
        if movielens:
            options += ["-D", f"html_theme_options.announcement={PRIVATE}"]
        code = build_main([*options, str(sources), str(out)])
    if code == 0:
        print(f"wrote {out / 'index.html'}")
    return code


def lay_out(folder: Path, movielens: bool) -> None:
    """Writes to `folder` what Sphinx reads."""
    shutil.copytree(HERE / "pages", folder)
    for path in sorted([*ROOT.glob("lessons/*.ipynb"), *ROOT.glob("exercises/*/*.ipynb")]):
        page = folder / path.relative_to(ROOT)
        page.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(without_badge(nbformat.read(path, as_version=4)), page)
    (folder / "index.md").write_text(front_page(), encoding="utf-8")
    page = folder / "explorer.md"
    page.write_text(with_explorer(page.read_text(encoding="utf-8"), movielens), encoding="utf-8")
    short = "---\ntocdepth: 2\n---\n"  # the contents at its side list the items, not hundreds of symptoms
    (folder / "help.md").write_text(short + help.page(), encoding="utf-8")


def linked(text: str) -> str:
    """The text with Colab's badges as links of ours."""
    return BADGE.sub(r"[\1](\2){.colab}", text)


def without_badge(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook as a page: its badge is a link, its first cell is folded."""
    title, first = notebook.cells[:2]
    title.source = linked(title.source)
    first.metadata["tags"] = ["hide-input"]
    return notebook


def with_explorer(text: str, movielens: bool) -> str:
    """The explorer's page with its data and its script, as a raw block that any browser can run from a file."""
    data = json.dumps(explorer.data(real=movielens), ensure_ascii=False).replace("<", "\\u003c")
    parts = [
        "```{raw} html",
        '<div id="explorer"></div>',
        f'<script type="application/json" id="explorer-data">{data}</script>',
        '<script defer src="_static/explorer.js"></script>',
        "```",
    ]
    return text.replace("<!-- the explorer stands here -->", "\n".join(parts))


def front_page() -> str:
    """The README down to the course table, and what else is here."""
    readme, _, _ = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Learn")
    return linked(readme) + "\n" + (HERE / "contents.md").read_text(encoding="utf-8")
