"""Figures that carry their description: for a reader who cannot see them, and for one whose viewer shows no images."""

import base64
import html
import io
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

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        image = f'<img alt="{html.escape(self.alt)}" style="max-width:100%" src="data:image/png;base64,{self._png}">'
        return {"text/html": image, "text/plain": f"[figure: {self.alt}]"}
