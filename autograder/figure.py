"""Figures that carry their description: for a reader who cannot see them, and for one whose viewer shows no images.

Some can also be played with. Those are a still image, until figure.js, which they carry along, draws them anew: that
works in JupyterLab, in Colab and on the site; a viewer that runs no script (GitHub's, or JupyterLab's before a notebook
is trusted) goes on showing the image.
"""

import base64
import html
import io
import json
from pathlib import Path
from typing import Any


class Described:
    """A matplotlib figure with alternative text; as a cell's last expression it displays in every notebook viewer."""

    def __init__(self, figure: Any, alt: str):
        if not alt.strip():
            raise ValueError("a figure needs alternative text: say what it shows")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight", facecolor="white")
        self._png, self.alt = base64.b64encode(buffer.getvalue()).decode(), alt
        figure.clear()
        import matplotlib.pyplot as plt

        plt.close(figure)

    def _html(self) -> str:
        return f'<img alt="{html.escape(self.alt)}" style="max-width:100%" src="data:image/png;base64,{self._png}">'

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/html": self._html(), "text/plain": f"[figure: {self.alt}]"}


class Movable(Described):
    """A figure to play with. `kind` names the drawing in figure.js, `data` (numbers, strings, lists, arrays) is its own.

    height: of the drawing, where its width is 480.
    """

    def __init__(self, figure: Any, alt: str, kind: str, *, height: int, **data: Any):
        super().__init__(figure, alt)
        self._kind, self._data = kind, {"height": height, **data}

    def _html(self) -> str:
        data = json.dumps(self._data, default=lambda array: array.tolist(), ensure_ascii=False).replace("<", "\\u003c")
        script = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
        return (
            f'<figure data-movable="{self._kind}" style="margin:0">{super()._html()}'
            f'<script type="application/json">{data}</script></figure><script>{script}</script>'
        )
