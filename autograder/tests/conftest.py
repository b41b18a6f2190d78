"""What tests of several files need."""

import shutil
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")


@pytest.fixture(scope="module")  # an open one keeps asyncio to itself, which running notebooks need too
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        found = own if Path(own).exists() else next(filter(None, map(shutil.which, BROWSERS)), None)
        if not found:
            pytest.skip("no Chromium here: python -m playwright install chromium, or apt install chromium")
        chromium = playwright.chromium.launch(executable_path=found)
        yield chromium
        chromium.close()
