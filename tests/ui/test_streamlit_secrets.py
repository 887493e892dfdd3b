"""What Streamlit is told of the provider, without a file that anybody keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.settings import load_settings
from lib.ui.single_sign_on import AGAIN, SIGN_IN, auth_secrets

GIVEN = {
    "ONFILE_SSO_ISSUER": "https://login.example.com/realm/",
    "ONFILE_SSO_CLIENT_ID": "onfile",
    "ONFILE_SSO_CLIENT_SECRET": "a secret of the provider's",
}


def test_none_without_one(tmp_path: Path) -> None:
    assert auth_secrets(load_settings(tmp_path, {})) is None


def test_the_document_lies_below_the_issuer_and_the_key_is_derived(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, GIVEN)
    secrets = auth_secrets(settings)
    assert secrets is not None
    auth = secrets["auth"]
    address = "https://login.example.com/realm/.well-known/openid-configuration"
    assert {auth[name]["server_metadata_url"] for name in (SIGN_IN, AGAIN)} == {address}
    assert settings.cookie_key not in str(secrets)
    other = auth_secrets(load_settings(tmp_path, {**GIVEN, "ONFILE_COOKIE_KEY": "k" * 32}))
    assert other is not None
    assert other["auth"]["cookie_secret"] != auth["cookie_secret"]


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({"PORT": "9001"}, "http://localhost:9001"),
        ({"ONFILE_PUBLIC_URL": "https://pay.example.com/"}, "https://pay.example.com"),
        (
            {
                "ONFILE_PUBLIC_URL": "https://pay.example.com",
                "ONFILE_STAFF_URL": "https://desk.example.com",
            },
            "https://desk.example.com",
        ),
        (
            {
                "ONFILE_PUBLIC_URL": "https://pay.example.com",
                "ONFILE_PUBLIC_APART": "yes",
                "PORT": "9001",
            },
            "http://localhost:9001",
        ),
    ],
)
def test_the_way_back_is_the_dashboards(
    tmp_path: Path, given: dict[str, str], address: str
) -> None:
    secrets = auth_secrets(load_settings(tmp_path, {**GIVEN, **given}))
    assert secrets is not None
    assert secrets["auth"]["redirect_uri"] == f"{address}/oauth2callback"
