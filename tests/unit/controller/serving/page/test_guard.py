"""Where a form may come from, without a browser."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from capra.controller.serving.page.guard import is_from_here


@pytest.mark.parametrize(
    ("headers", "counts"),
    [
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://elsewhere"}, True),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "https://localhost:8443"}, True),
        ({"Origin": "https://localhost:9443"}, False),
        ({"Origin": "https://localhost"}, False),
        ({"Origin": "https://localhost:8443.example.com"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({}, False),
    ],
)
def test_a_form_of_this_page(headers: dict[str, str], counts: bool) -> None:
    request = make_mocked_request("POST", "/page/", {"Host": "localhost:8443"} | headers)
    assert is_from_here(request) is counts
