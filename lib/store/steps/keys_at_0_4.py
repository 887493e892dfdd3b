"""Keys of addresses and references as they were when steps of release 0.4.0 wrote them."""

from __future__ import annotations

import unicodedata

import idna
import regex


def key_of(address: str) -> str:
    """As `address_key` of lib/domain/identity.py was at m048."""
    local, sign, domain = address.rpartition("@")
    labels = []
    for label in _folded(domain).split("."):
        try:
            labels.append(idna.ulabel(label) if label.startswith("xn--") else label)
        except UnicodeError:
            labels.append(label)
    return _folded(local) + sign + _folded(".".join(labels))


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())
    visible = regex.sub(r"\p{Default_Ignorable_Code_Point}+", "", folded)
    shown = regex.sub(r"\p{Zs}", " ", visible).strip()
    return unicodedata.normalize("NFC", shown)


def with_decimals(reference: str, key: str) -> str:
    """As `reference_key` of lib/domain/identity.py was at m054."""
    folded = unicodedata.normalize("NFKC", reference)
    digits = regex.sub(r"\A[^0-9]*|\p{Default_Ignorable_Code_Point}|\s+\Z", "", folded)
    if regex.fullmatch(r"[0-9]+[.,]0[1-9]", digits):
        return f"{key[:-2]}.0{key[-1]}"
    is_grouped = regex.fullmatch(r"[0-9]{1,3}[.,][0-9]{3}", digits)
    if not is_grouped and regex.fullmatch(r"[0-9]+[.,][0-9]*[1-9]0+", digits):
        return key.rstrip("0")
    return key


def key_by_idna(address: str) -> str:
    """As `address_key` of lib/domain/identity.py was at m056; no joiner is left in what was saved before."""
    local, sign, domain = address.rpartition("@")
    shown = regex.sub(r"\p{Default_Ignorable_Code_Point}+", "", domain)
    shown = unicodedata.normalize("NFC", regex.sub(r"\p{Zs}", " ", shown).strip())
    try:
        shown = idna.uts46_remap(shown, std3_rules=False)
    except UnicodeError:
        shown = _folded(shown)
    labels = []
    for label in shown.split("."):
        try:
            labels.append(idna.ulabel(label) if label.startswith("xn--") else label)
        except UnicodeError:
            labels.append(label)
    return _folded(local) + sign + ".".join(labels)


_DRAWN_AT_M056 = str.maketrans(
    "авекмнорстухіјѕαβεζηικμνορτυχ’‘ʼ´`′", "abekmhopctyxijsabezhikmnoptyx" + "'" * 6
)


_DRAWN_SMALL_AT_M056 = str.maketrans(
    "гьпԁһӏԛԝүѵѡγηνσωυϲϳօոսհզցյıɑɡɩʋ", "rbndhlqwyvwynvowucjonuhqgjiagiu"
)


def drawn(key: str) -> str:
    """As `drawn_key` of lib/domain/identity.py was at m056, but for digits in a circle and their like."""
    if key.isascii():
        return key
    plain, before = key.casefold().translate(_DRAWN_SMALL_AT_M056), ""
    while plain != before:
        before = plain
        shown = unicodedata.normalize("NFKC", before.casefold())
        shown = regex.sub(r"\p{Default_Ignorable_Code_Point}+", "", shown).strip()
        plain = regex.sub(r"\p{Dash}", "-", shown).translate(_DRAWN_AT_M056)
    return plain


DASHES_AT_M062 = "ー\u4e00\u1173\u31d0\u2500\u2501\u23af\u2796\u2cba"


_BLANKS = "[\u2800\U0001d159]"


_THEIRS_AT_M062 = r"[\p{Hiragana}\p{Katakana}\p{Han}\p{Hangul}\p{Bopomofo}--[\u4e00\u1173\u31d0]]"


_GROUPS_AT_M062 = r"(?:[0-9]{1,3}(?P<sign>[.,' _])[0-9]{3}(?:(?P=sign)[0-9]{3})*|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3})"


def drawn_with_dashes(reference: str, key: str) -> str:
    """As `reference_key` of lib/domain/reference_keys.py was at m062, made of the key from before."""
    drawn = regex.compile(
        rf"(?<!{_THEIRS_AT_M062}\p{{M}}*ー*)[{DASHES_AT_M062}]+(?!{_THEIRS_AT_M062})|{_BLANKS}+",
        regex.V1,
    )
    key = regex.sub(rf"(?<=[0-9])(?:{drawn.pattern})(?=[0-9])", "-", key, flags=regex.V1)
    key = drawn.sub("", key) or "-"
    plain = regex.sub(
        r"\p{Default_Ignorable_Code_Point}+", "", unicodedata.normalize("NFKC", reference)
    )
    plain = regex.sub(r"\p{Zs}", " ", plain).strip()
    plain = regex.sub("[’‘ʼ´`′]", "'", plain)
    for match in regex.finditer(
        r"(?<![0-9][.,' _]?)[0-9]{1,3}(?:_[0-9]{3})+(?![.,' _]?[0-9])", plain
    ):
        key = key.replace(
            _joined(match.group()), match.group().replace("_", "").lstrip("0") or "0", 1
        )
    number = regex.fullmatch(
        rf"[^0-9]*(?P<whole>{_GROUPS_AT_M062})(?P<cents>(?!(?P=sign))[.,][0-9]+)", plain
    )
    if number is not None and regex.search("[1-9]", number["cents"]):
        before = _joined(number["whole"] + number["cents"])
        whole = "".join(regex.findall("[0-9]+", number["whole"])).lstrip("0") or "0"
        cents = number["cents"][1:]
        is_small = regex.fullmatch("0[1-9]", cents)
        tail = f"{whole}.{cents}" if is_small else f"{whole}-{cents.strip('0')}"
        key = key.removesuffix(before) + tail
    return key


def _joined(number: str) -> str:
    """As a number was that is not in groups of three."""
    return "-".join(part.lstrip("0") or "0" for part in regex.findall("[0-9]+", number))
