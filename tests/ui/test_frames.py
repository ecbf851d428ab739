"""The page in a frame of another site, as Hugging Face shows its Spaces."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.helpers.clients.screens import IMAGE_ANSWER
from tests.helpers.in_process.studio import Studio


def _framed(page: Page, site: str, url: str) -> None:
    """Open a page that shows another site in a frame."""
    html = f'<iframe src="{url}" width="1200" height="800"></iframe>'

    def answer(route: Route) -> None:
        route.fulfill(body=html, content_type="text/html")

    page.route(f"{site}/**", answer)
    page.goto(f"{site}/spaces/air-studio")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page."""
    with browser.new_context(permissions=["local-network-access"]) as context:
        yield context.new_page()


def test_public_page_works_in_a_frame_of_hugging_face(page: Page, public: Studio) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    _framed(page, "https://huggingface.co", public.url)
    frame = page.frame_locator("iframe")
    frame.locator(".air-gallery button").first.click()
    expect(frame.locator(f"{IMAGE_ANSWER} .air-verdict strong")).to_be_visible()
    assert complaints == []


@pytest.mark.parametrize(("mode", "site"), [("public", "https://evil.example"), ("local", "https://huggingface.co")])
def test_no_other_site_shows_it_in_a_frame(page: Page, request: pytest.FixtureRequest, mode: str, site: str) -> None:
    url = request.getfixturevalue(mode).url
    with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        _framed(page, site, url)
    expect(page.frame_locator("iframe").locator("#air-header")).to_have_count(0)
