"""Whether the provider of the single sign-on is there: asked for its public description, before anybody is sent there."""

from __future__ import annotations

import logging

import requests

from lib.domain.checks import Check
from lib.settings import Provider

# Somebody waits with a click; Streamlit itself would wait longer, and then show a bare page.
_SECONDS = 4
# https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")

logger = logging.getLogger(__name__)


def trouble_of(provider: Provider) -> str:
    """Why nobody can be sent there now, in words for whoever signs in; empty where it is well."""
    try:
        answer = requests.get(provider.metadata_url, timeout=_SECONDS)
        answer.raise_for_status()
        described = answer.json()
    except requests.RequestException as error:
        logger.warning("the single sign-on's provider cannot be asked: %s", error)
        return (
            f"{provider.name} does not answer, so it can sign nobody in now. Try again in a minute; whoever is not "
            "linked to it uses their password."
        )
    lacks = [name for name in _NEEDED if not (isinstance(described, dict) and described.get(name))]
    if lacks or described.get("issuer") != provider.issuer:
        logger.warning(
            "the single sign-on's provider describes itself otherwise than it is set: lacks %s, issuer %s",
            lacks,
            described.get("issuer") if isinstance(described, dict) else None,
        )
        return (
            f"{provider.name} answers, but not as the provider that is set (ONFILE_SSO_ISSUER). Tell an admin; nobody "
            "can sign in with it until that is mended."
        )
    return ""


def provider_checks(provider: Provider | None) -> list[Check]:
    """For `doctor`; none where everybody signs in with a password."""
    if provider is None:
        return []
    trouble = trouble_of(provider)
    return [
        Check("single_sign_on", not trouble, trouble or f"{provider.issuer} answers as it is set.")
    ]
