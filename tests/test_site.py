"""The built documentation, where there is one: no broken link, nothing loaded from elsewhere."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

SITE = Path(__file__).parents[1] / "docs/_build"
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
LINKS = {"canonical", "search", "next", "prev", "index", "author", "copyright"}  # not loaded

pytestmark = pytest.mark.skipif(not (SITE / "index.html").exists(), reason="no site was built")


class Page(HTMLParser):
    """The anchors of a page, its links and what a browser loads for it."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links, self.loaded = set(), set(), set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.add(given["href"])
        if given.get(LOADED.get(tag)) and given.get("rel") not in LINKS:
            self.loaded.add(given[LOADED[tag]])


@pytest.fixture(scope="module")
def pages():
    found = sorted(SITE.rglob("*.html"))
    return {path: Page(path) for path in found if "_static" not in path.parts}


def test_no_link_within_the_site_is_broken(pages):
    broken = []
    for path, page in pages.items():
        for link in page.links | page.loaded:
            address, anchor = urldefrag(link)
            if urlsplit(address).scheme:
                continue
            target = (path.parent / unquote(urlsplit(address).path)).resolve() if address else path
            found = target.exists()
            if found and anchor and target in pages:
                found = unquote(anchor) in pages[target].anchors
            if not found:
                broken.append(f"{path.relative_to(SITE)}: {link}")
    assert len(pages) > 10
    assert broken == []


def test_nothing_is_loaded_from_another_host(pages):
    elsewhere = {
        (path.name, link)
        for path, page in pages.items()
        for link in page.loaded
        if urlsplit(link).netloc or urlsplit(link).scheme in {"http", "https"}
    }
    styles = [path for path in SITE.rglob("*.css") if "url(http" in path.read_text()]
    assert (elsewhere, styles) == (set(), [])
