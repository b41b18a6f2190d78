"""What README and CITATION say of the course is what the course is."""

import re

import numpy as np
import pytest

from autograder import build, report
from autograder.item import find, items
from autograder.run import check
from autograder.student import Host

README = (build.ROOT / "README.md").read_text(encoding="utf-8")
NAMES = sorted(path.name for path in build.ROOT.glob("solutions/*"))


@pytest.mark.parametrize("name", NAMES)
def test_the_course_table_has_items_points_minutes_and_badges(name):
    [row] = [line for line in README.splitlines() if line.startswith(f"| {int(name[:2])} |")]
    ours = items(name[:2])
    assert f"[{len(ours)} items]" in row and f"| {sum(item.points for item in ours)} |" in row
    minutes = re.search(r"\b(\d\d(–\d\d)?) minutes\b", (build.ROOT / f"lessons/{name}.py").read_text(encoding="utf-8"))
    assert f"| {minutes[1]} |" in row
    for place in (f"lessons/{name}.ipynb", f"exercises/{name}/{name}.ipynb"):
        assert f"]({place})" in row
        assert BADGE_TARGET.format(build.REPOSITORY.removeprefix("https://github.com/"), place) in row


BADGE_TARGET = re.search(r"\((https://colab[^)]*\{\}[^)]*)\)", build.BADGE)[1]


def test_the_report_that_the_readme_shows_is_what_its_code_gets():
    [code] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(code, names := {"np": np})
    assert report.text(check(find("1.3"), Host(names).answer)).strip() in README


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md", "data/README.md", "autograder/README.md", "autograder/scale.md"])
def test_links_to_files_hold(file):
    path = build.ROOT / file
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_the_repository_address_is_the_same_everywhere():
    assert f"repository-code: {build.REPOSITORY}\n" in (build.ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert build.PROJECT["version"] in (build.ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {build.PROJECT['version']} " in (build.ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_command_that_the_readme_names_exists():
    from autograder.__main__ import COMMANDS

    named = set(re.findall(r"(?:python3 course\.py|python -m autograder) (\w+)", README))
    assert named and named <= {"start", "test", *COMMANDS}
