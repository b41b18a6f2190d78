"""The site in a real browser, which may ask nobody else. CONTRIBUTING says how to get a browser."""

import base64
import html
import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urldefrag, urlsplit

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from autograder import build, two_tower
from autograder.item import items
from autograder.site import build as build_site
from autograder.site import explorer
from data import movielens

DATA = explorer.data()
# What axe looks at: kinds of pages whole, of the other lessons the figures (a long page takes it 10 s).
AXE = {
    **dict.fromkeys(("index.html", "explorer.html", "glossary.html", "help.html", "search.html")),
    **{f"lessons/{path.stem}.html": "figure, .cell_output img" for path in build.ROOT.glob("lessons/*.py")},
    "lessons/03_two_tower.html": None,
    "exercises/03_two_tower/03_two_tower.html": None,
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    assert build_site(out) == 0
    return out


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(site):
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def page(browser, address):
    """A page that may complain of nothing it opens: no error, no warning, no request to another host."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.complaints = []
    page.on("console", lambda m: m.type in ("error", "warning") and page.complaints.append(m.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda r: r.url.startswith((address, "file:", "data:")) or page.complaints.append(r.url))
    page.on("requestfailed", lambda r: r.failure == "net::ERR_ABORTED" or page.complaints.append(r.url))  # went on
    page.open = lambda name: page.goto(f"{address}/{name}")
    yield page
    page.context.close()
    assert page.complaints == []


def pages(site):
    return sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html") if path.parent.name != "_static")


def test_every_lesson_and_exercise_has_a_page(site):
    for path in [*build.ROOT.glob("lessons/*.ipynb"), *build.ROOT.glob("exercises/*/*.ipynb")]:
        place = path.relative_to(build.ROOT)
        page = (site / place.with_suffix(".html")).read_text(encoding="utf-8")
        assert re.search(rf'<a class="colab[^"]*" href="https://colab[^"]*/blob/main/{place.as_posix()}"', page), place


def test_links_are_whole(site):
    """Every link within the site, to its very heading; those to the course's repository name a file that exists."""
    texts = {site / name: (site / name).read_text(encoding="utf-8") for name in pages(site)}
    ids = {path: set(re.findall(r'\bid="([^"]+)"', text)) for path, text in texts.items()}
    broken, seen = [], 0
    for path, text in texts.items():
        for link in re.findall(r'\b(?:href|src)="([^"]+)"', text):
            target, fragment = urldefrag(link)
            parts = urlsplit(target)
            if parts.scheme == "data":
                continue
            seen += 1
            if parts.scheme:
                inside = re.search(r"/blob/main/(.+)", parts.path)
                whole = not inside or (build.ROOT / inside[1]).exists()
            else:
                file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
                whole = file.exists() and (not fragment or file.suffix != ".html" or fragment in ids[file])
            if not whole:
                broken.append((path.name, link))
    assert seen > 500 and broken == []


def test_every_page_loads_without_a_complaint_and_fits_a_phone(site, page):
    page.set_viewport_size({"width": 390, "height": 800})
    for name in pages(site):
        page.open(name)
        assert page.complaints == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_kind_of_page_has_a_serious_accessibility_finding(page, scheme):
    page.emulate_media(color_scheme=scheme)
    found = []
    for name, part in AXE.items():
        page.open(name)
        assert page.locator("html").get_attribute("data-theme") == scheme
        page.add_style_tag(content="* { transition: none !important }")  # half-way colours are nobody's
        result = Axe().run(page, part, {"resultTypes": ["violations"], "preload": False})
        for finding in result.response["violations"]:
            if finding["impact"] in ("serious", "critical"):
                found.append((name, finding["id"], finding["nodes"][0]["html"][:200], len(finding["nodes"])))
    assert found == []


def test_search_finds(page):
    page.open("search.html?q=exclusions")
    results = page.locator("#search-results li a")
    expect(results.filter(has_text="Lesson 5").first).to_be_visible()
    page.open("search.html?q=zzzyx")
    expect(page.locator("#search-results")).to_contain_text("did not match")


# ---- The explorer


def vectors(name, rows):
    return np.frombuffer(base64.b64decode(DATA[name]), np.float32).reshape(rows, -1)


def by_python(user: int, k: int):
    """Rank before and title of the k best unseen films, and the titles shown, worked out in numpy."""
    towers = two_tower.Towers(vectors("user_vectors", len(DATA["users"])), vectors("title_vectors", len(DATA["titles"])))
    scores = two_tower.all_scores(towers)[user]
    order = np.argsort(-scores, kind="stable").tolist()
    left = [film for film in order if film not in DATA["seen"][user]][:k]
    shown = sorted(left, key=lambda film: -DATA["rating"][film])[: DATA["shown"]]
    depth = order.index(left[-1]) + 1
    return (
        [(f"{place}", DATA["titles"][film], f"{scores[film]:.2f}") for place, film in enumerate(order[:depth], 1)],
        [(f"{n}", DATA["titles"][film], f"{order.index(film) + 1}") for n, film in enumerate(left, 1)],
        [(f"{n}", DATA["titles"][film], f"{DATA['rating'][film]:.2f}") for n, film in enumerate(shown, 1)],
    )


def tables(page):
    """The three tables as tuples of texts, without the marks "seen" and "kept"."""
    read = """sections => sections.map(s => [...s.querySelectorAll("tbody tr")].map(r => [...r.cells].map(
        c => [...c.childNodes].filter(n => n.nodeName !== "B").map(n => n.textContent).join(""))))"""
    return tuple([tuple(row) for row in table] for table in page.locator("#explorer section").evaluate_all(read))


def test_the_explorers_numbers_are_pythons(page):
    page.open("explorer.html")
    for user, name in enumerate(DATA["users"]):
        for k in range(1, DATA["candidates"]["most"] + 1):
            page.get_by_label("User").select_option(label=name)
            page.get_by_label("k", exact=True).fill(str(k))
            assert tables(page) == by_python(user, k), (name, k)


def test_the_explorer_is_for_all_the_hand_made_data_and_nothing_else(site):
    tiny = movielens.tiny()
    assert DATA["users"] == tiny.users.tolist() and DATA["titles"] == tiny.titles.tolist()
    assert all(set(seen).isdisjoint(kept) for seen, kept in zip(DATA["seen"], DATA["kept"]))
    assert sum(map(len, DATA["kept"])) == len(tiny.users)
    text = (site / "explorer.html").read_text(encoding="utf-8")
    assert "Night Bakery" in text and "Star Wars" not in text and "do not publish" not in text


def test_with_movielens_every_page_says_not_to_publish_it(tmp_path):
    assert build_site(tmp_path, movielens=True) == 0
    for name in pages(tmp_path):
        assert "do not publish it" in (tmp_path / name).read_text(encoding="utf-8"), name
    assert "Star Wars (1977)" in (tmp_path / "explorer.html").read_text(encoding="utf-8")


def test_the_explorer_works_from_a_file_too(site, page):
    page.goto((site / "explorer.html").as_uri())
    assert tables(page) == by_python(DATA["users"].index("24"), DATA["candidates"]["start"])


def test_the_explorer_works_by_keyboard_alone(page):
    page.open("explorer.html")
    before = tables(page)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#explorer select')"):
            break
    page.keyboard.type("4")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert tables(page) != before
    assert tables(page) == by_python(DATA["users"].index("4"), DATA["candidates"]["start"] + 1)


# ---- Movable figures


def figures():
    kinds = re.findall(r"^    (\w+)\(stage, \{", (build.ROOT / "autograder/figure.js").read_text("utf-8"), re.MULTILINE)
    sources = {path: path.read_text(encoding="utf-8") for path in build.ROOT.glob("lessons/*.py")}
    return [(kind, next(path.stem for path, text in sources.items() if f'"{kind}"' in text)) for kind in kinds]


@pytest.mark.parametrize("kind, lesson", figures())
def test_every_movable_figure_moves_by_keyboard_and_tells_it(page, kind, lesson):
    page.open(f"lessons/{lesson}.html")
    if kind == "batch":
        figure = page.locator("figure:has(svg)").nth(1)
    else:
        figure = page.locator("figure:has(svg)").first
    expect(figure.locator("svg")).to_have_attribute("aria-label", re.compile(".{30}"))
    inputs = figure.locator("input")
    assert inputs.count() >= 1 and figure.locator("label:has(input)").count() == inputs.count()
    for i in range(inputs.count()):
        said, drawn = figure.locator("output").inner_text(), figure.locator("svg").inner_html()
        control = inputs.nth(i)
        assert control.get_attribute("data-lm-suppress-shortcuts")  # else JupyterLab keeps the arrow keys
        control.focus()
        page.keyboard.press({"checkbox": "Space", "radio": "ArrowDown", "range": "ArrowRight"}[control.get_attribute("type")])
        assert figure.locator("svg").inner_html() != drawn and figure.locator("output").inner_text() != said


def test_the_user_vector_can_be_dragged(page):
    page.open("lessons/03_two_tower.html")
    figure = page.locator("figure:has(svg)").first
    figure.scroll_into_view_if_needed()
    box, said = figure.locator("svg").bounding_box(), figure.locator("output").inner_text()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.7)
    page.mouse.up()
    assert figure.locator("output").inner_text() != said
    assert figure.locator("output").inner_text().startswith("User (-")


def test_without_scripts_the_still_image_stands(browser, site):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto((site / "lessons/05_recommend.html").as_uri())
    image = page.locator("figure[data-movable] img")
    expect(image).to_be_visible()
    assert len(image.get_attribute("alt")) > 30


def plain(text):
    return re.sub("[`'’\"“”]", "", text)


def test_help_names_every_mistake(site):
    text = html.unescape(re.sub(r"<[^>]+>", "", (site / "help.html").read_text(encoding="utf-8")))
    names = [mistake.name for item in items() for mistake in item.mistakes]
    assert names and [name for name in names if plain(name) not in plain(text)] == []
