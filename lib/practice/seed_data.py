"""The invented business that practice Stripe starts with: no person or company here exists."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Business:
    """A customer of the account.

    Attributes:
        since_days: How long ago it became one.
        cards: Slugs of `cards.CARDS`, in the order in which they were saved.
        charges: How often its latest card was charged since.
    """

    name: str
    contact: str
    email: str
    country: str
    currency: str
    since_days: int
    cards: tuple[str, ...] = ()
    charges: int = 0


BUSINESSES: tuple[Business, ...] = (
    Business(
        "Pinmarsh Stationers Ltd",
        "Orla Pinmarsh",
        "accounts@pinmarsh.example",
        "GB",
        "gbp",
        89,
        ("discover",),
        2,
    ),
    Business(
        "Müller & Söhne <Export>",
        "Jörg Müllerbach",
        "einkauf@mueller-soehne.example",
        "DE",
        "eur",
        87,
        ("de",),
        3,
    ),
    Business(
        "架空文具株式会社",
        "見本 花子",
        "keiri@kakuu-bungu.example",
        "JP",
        "jpy",
        85,
        ("jp",),
        3,
    ),
    Business(
        "Tidewell Office Supply",
        "Marlo Tidewell",
        "ap@tidewell-office.example",
        "US",
        "usd",
        83,
        ("visa", "mastercard_debit", "amex"),
        2,
    ),
    Business(
        "Papeterie Modèle SARL",
        "Élodie Modèlin",
        "compta@papeterie-modele.example",
        "FR",
        "eur",
        80,
        ("fr",),
        2,
    ),
    Business(
        "Greyfinch Catering Ltd",
        "Tamsin Greyfinch",
        "office@greyfinch.example",
        "GB",
        "gbp",
        78,
        ("gb",),
        2,
    ),
    Business(
        "Greyfinch Events Ltd",
        "Tamsin Greyfinch",
        "events@greyfinch.example",
        "GB",
        "gbp",
        76,
        ("gb",),
        1,
    ),
    Business(
        "Großhandel Böhmlich KG",
        "Ännchen Böhmlich",
        "zentrale@boehmlich.example",
        "DE",
        "eur",
        74,
        ("sepaDebit",),
        2,
    ),
    Business(
        "Quillandra Paper Co.",
        "Dex Quillandra",
        "billing@quillandra.example",
        "US",
        "usd",
        72,
        ("chargeCustomerFail",),
        2,
    ),
    Business(
        "みほん商事株式会社",
        "例田 太郎",
        "shiharai@mihon-shoji.example",
        "JP",
        "jpy",
        70,
        ("jcb",),
        2,
    ),
    Business(
        "Ejemplar Oficina S.L.",
        "Inés Ejemplar",
        "pagos@ejemplar-oficina.example",
        "ES",
        "eur",
        66,
        ("authenticationRequired",),
        2,
    ),
    Business(
        "Hollowbrook Farm Shop",
        "Wren Hollowbrook",
        "hello@hollowbrook.example",
        "GB",
        "gbp",
        63,
        ("authenticationRequiredChargeDeclinedInsufficientFunds",),
        2,
    ),
    Business(
        "Cobaltine Labs Inc.",
        "Rune Cobaltine",
        "finance@cobaltine.example",
        "US",
        "usd",
        60,
        ("radarBlock",),
        1,
    ),
    Business(
        "Voorbeeldhuis B.V.",
        "Sanne Voorbeeld",
        "crediteuren@voorbeeldhuis.example",
        "NL",
        "eur",
        57,
        ("authenticationRequiredOnSetup",),
        2,
    ),
    Business(
        "Lanternfold Books",
        "Ib Lanternfold",
        "shop@lanternfold.example",
        "US",
        "usd",
        54,
        ("diners",),
        2,
    ),
    Business(
        "Exemplo Papéis Lda",
        "Graça Exemplo",
        "tesouraria@exemplo-papeis.example",
        "PT",
        "eur",
        50,
        ("createDispute",),
        1,
    ),
    Business(
        "Bramblewick Dental",
        "Ottoline Bramblewick",
        "desk@bramblewick.example",
        "GB",
        "gbp",
        47,
        ("mastercard",),
        2,
    ),
    Business(
        "株式会社サンプル商店",
        "試験 一郎",
        "uketsuke@sample-shoten.example",
        "JP",
        "jpy",
        44,
        ("practice_do_not_honor",),
        1,
    ),
    Business(
        "Sundrift Studio",
        "Kit Sundrift",
        "studio@sundrift.example",
        "US",
        "usd",
        41,
        ("visa_debit",),
        2,
    ),
    Business(
        "Beispielgruppe Nord GmbH",
        "Uwe Beispielmann",
        "buchhaltung@beispielgruppe.example",
        "DE",
        "eur",
        38,
        ("pendingRefund",),
        1,
    ),
    Business(
        "Beispielgruppe Süd GmbH",
        "Uwe Beispielmann",
        "buchhaltung@beispielgruppe.example",
        "DE",
        "eur",
        36,
        ("riskLevelElevated",),
        1,
    ),
    Business(
        "Ferrowick Tools",
        "Basil Ferrowick",
        "stores@ferrowick.example",
        "US",
        "usd",
        33,
        ("practice_declines_first",),
        2,
    ),
    Business(
        "Marigold & Pike LLP",
        "Juno Pikeworth",
        "accounts@marigoldpike.example.com",
        "GB",
        "gbp",
        30,
        ("practice_lost_card",),
        1,
    ),
    Business(
        "Osteria Esempio S.r.l.",
        "Fiamma Esempio",
        "cassa@osteria-esempio.example",
        "IT",
        "eur",
        26,
        ("mastercard_prepaid",),
        1,
    ),
    Business(
        "Nørregavl Kontor ApS",
        "Signe Nørregavl",
        "bogholderi@norregavl.example.org",
        "DK",
        "eur",
        22,
        ("unionpay",),
        1,
    ),
    Business(
        "Skylark Removals",
        "Perrin Skylarke",
        "office@skylark-removals.example.net",
        "GB",
        "gbp",
        18,
    ),
    Business(
        "Thistledown Hotel Group",
        "Aurelia Thistledown",
        "ap@thistledown.example",
        "US",
        "usd",
        14,
    ),
    Business(
        "ひな形デザイン合同会社",
        "仮野 みどり",
        "info@hinagata-design.example",
        "JP",
        "jpy",
        11,
        ("refundFail",),
        1,
    ),
    Business(
        "Kolibri Musterbau AG",
        "Reto Musterbauer",
        "kreditoren@kolibri-musterbau.example",
        "CH",
        "eur",
        7,
    ),
    Business(
        "Pebblecross Vets",
        "Nell Pebblecross",
        "reception@pebblecross.example",
        "GB",
        "gbp",
        4,
    ),
    Business("Wexcombe Joinery", "Ansel Wexcombe", "ansel@wexcombe.example", "GB", "gbp", 1),
)

MONTHS_TO_EXPIRY = {"discover": -2, "diners": 1, "unionpay": 2}
"""Cards whose expiry is the point; the others last a year and more."""


@dataclass(frozen=True, slots=True)
class Guest:
    """Someone who saved a card by a link that named no customer."""

    contact: str
    email: str
    country: str
    currency: str
    card: str
    hours_ago: float


GUESTS = (
    Guest("Ivo Larkspindle", "ivo@larkspindle.example", "GB", "gbp", "practice_stolen_card", 150),
    Guest("Maren Föhrwald", "maren@foehrwald.example", "DE", "eur", "practice_expired_card", 49),
    Guest("手本 さくら", "sakura@tehon.example", "JP", "jpy", "practice_processing", 5),
)
