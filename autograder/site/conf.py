"""Sphinx's settings for the site. Everything that a page loads lies in the site itself."""

from autograder.build import PROJECT, REPOSITORY

FOOTER = """Code: MIT. Text and figures: CC BY 4.0. Results are measured on MovieLens 100K: F. Maxwell Harper and Joseph A.
Konstan. 2015. The MovieLens Datasets: History and Context. ACM Transactions on Interactive Intelligent Systems 5, 4,
Article 19. <a href="https://doi.org/10.1145/2827872">doi.org/10.1145/2827872</a>"""

project = "Two towers"
release = PROJECT["version"]
smartquotes = False  # quotes in an exception or in code are as they were
extensions = ["myst_nb"]

nb_execution_mode = "off"  # the outputs are those of the repository's notebooks
nb_code_prompt_show = "Set-up"
nb_code_prompt_hide = "Set-up"
nb_ipywidgets_js = {}  # no widgets, so no scripts of theirs from a CDN
myst_enable_extensions = ["attrs_inline", "attrs_block"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type"]

html_theme = "sphinx_book_theme"
html_title = "Two towers"
html_static_path = ["static"]
html_favicon = "static/icon.svg"
html_css_files = ["site.css"]
html_use_index = False
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "repository_url": REPOSITORY,
    "use_repository_button": True,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "home_page_in_toc": True,
    "show_toc_level": 2,
    "search_bar_text": "Search the course",
    "navbar_persistent": [],
    "footer_content_items": ["extra-footer.html"],
    "extra_footer": FOOTER,
}
html_context = {"default_mode": "auto"}
