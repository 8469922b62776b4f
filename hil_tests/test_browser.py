"""What the tests of pages stand on."""

import pytest

from hil_tests.browser import browsing, until

pytestmark = pytest.mark.web


def test_a_promise_is_asked_anew_until_it_brings_what_is_wanted():
    with browsing() as browser, browser.visitor("http://127.0.0.1:9") as page:
        page.evaluate("globalThis.asked = 0")
        until(page, "Promise.resolve(++asked)", 3)
        assert page.evaluate("asked") == 3
        with pytest.raises(AssertionError, match="asked stayed 3"):
            until(page, "asked", 4, within_s=0.2)
