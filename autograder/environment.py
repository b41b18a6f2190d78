"""`python -m autograder environment`: makes environment.yml, the conda door, from pyproject.toml and lock.

With --check it writes nothing, and fails if the file is out of date.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

TEMPLATE = """\
# The conda door: the pins of requirements.lock. Made by `python -m autograder environment`; do not edit.
#
#   PIP_NO_DEPS=1 conda env create -f environment.yml      (Windows: first set PIP_NO_DEPS=1, then the rest)
#   conda activate {name}
#   python -m autograder start
#   jupyter lab
#
# The list is complete: pip need not look for more, and on a Mac it must not, for TensorFlow Recommenders asks
# there for tensorflow-macos, which no longer goes with TensorFlow. Only PIP_NO_DEPS can say so: pip takes no
# --no-deps from a list, and conda sets an environment's own variables after pip has run.
name: {name}
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python {python}
  - pip
  - pip:
      - -e .
{pins}
"""


def pins(lock: str) -> list[str]:
    """A lock's requirements without their hashes, e.g. "colorama==0.4.6 ; sys_platform == 'win32'"."""
    return re.findall(r"^([\w.-]+==.*?) *\\?$", lock, re.MULTILINE)


def text() -> str:
    """What environment.yml must hold."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = pins((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    return TEMPLATE.format(
        name=project["name"],
        python=project["requires-python"],
        pins="\n".join(f'      - "{line}"' for line in lines),
    )


def main(argv: list[str]) -> int:
    file = ROOT / "environment.yml"
    if argv == ["--check"]:
        if file.is_file() and file.read_text(encoding="utf-8") == text():
            return 0
        print("environment.yml is out of date; type: python -m autograder environment", file=sys.stderr)
        return 1
    file.write_text(text(), encoding="utf-8")
    return 0
