"""Personal data in a comment's text: what a reader should not publish of themselves or of others. Pure."""

from __future__ import annotations

import re

import phonenumbers
from stdnum import iban, luhn
from stdnum.exceptions import ValidationError

# every part is bounded, so that no run of digits is walked over more than a few times
_DIGITS = re.compile(r"(?<![\d.,:/=_-])\+?\(?\d(?:[ ()./-]{0,2}\d){6,18}(?![\d=_])")
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
_IBAN = re.compile(r"(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{1,4}){3,8}(?![A-Z0-9])", re.IGNORECASE)
_STREET = re.compile(
    r"(?:\b[A-ZÄÖÜ][\w.'’-]{1,30} ?(?:stra(?:ß|ss)e|str\.|weg|allee|platz|gasse) \d{1,4}\b"
    r"|\b\d{1,5} (?:[A-Z][\w.'’-]{1,30} ){1,3}(?:Street|St\.?|Road|Rd\.?|Avenue|Ave\.?|Lane|Drive)\b"
    r"|\b\d{1,4},? rue (?:de |du |des |d['’])?[A-Z]\w{1,30})"
)
#: language -> where a number without a country code is read as; only a guess, hence one region each.
_REGIONS = {"de": "DE", "fr": "FR", "en": "GB", "es": "ES", "it": "IT", "nl": "NL", "pt": "PT", "pl": "PL",
            "sv": "SE", "da": "DK", "ru": "RU", "ko": "KR", "ja": "JP", "tr": "TR"}  # fmt: skip
#: Beyond this a comment is looked at in its beginning only.
MOST_CHARACTERS = 20_000


def personal_data_in(text: str, *, emails: int = 0, language: str = "") -> dict[str, int]:
    """Count personal data by kind; the data themselves are never repeated in evidence.

    Card numbers by their Luhn digit (ISO/IEC 7812-1), IBANs by their check digits (ISO 7064 mod 97-10), phone
    numbers by the numbering plans of libphonenumber.

    :param emails: e-mail addresses found in the text (a fact of the text).
    :param language: the site's; it says how a number without a country code is read.
    """
    text = text[:MOST_CHARACTERS]
    found: dict[str, int] = {}
    if emails:
        found["e-mail address"] = emails
    if sum(map(str.isdigit, text)) < 7:
        return found
    ibans = [match for match in _IBAN.finditer(text) if _is_iban(match[0])]
    if ibans:
        found["IBAN"] = len(ibans)
    taken = [match.span() for match in ibans]
    cards = [
        match for match in _CARD.finditer(text) if not _overlaps(match.span(), taken) and _is_card(match[0])
    ]
    if cards:
        found["card number"] = len(cards)
    taken += [match.span() for match in cards]
    phones = sum(
        not _overlaps(match.span(), taken) and _is_phone(match[0], language)
        for match in _DIGITS.finditer(text)
    )
    if phones:
        found["phone number"] = phones
    return found


def street_addresses_in(text: str) -> int:
    """How many street addresses the text seems to hold. Weak: it misses many, and finds some in novels."""
    return sum(1 for _ in _STREET.finditer(text[:MOST_CHARACTERS]))


def _overlaps(span: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    return any(span[0] < end and begin < span[1] for begin, end in taken)


def _is_iban(text: str) -> bool:
    try:
        iban.validate(text)
    except ValidationError:
        return False
    return True


def _is_card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    # the first digit of payment cards: 3 (Amex, JCB), 4 (Visa), 5 and 2 (Mastercard), 6 (Discover, Maestro)
    return 13 <= len(digits) <= 19 and digits[0] in "23456" and len(set(digits)) > 1 and luhn.is_valid(digits)


def _is_phone(text: str, language: str) -> bool:
    digits = re.sub(r"\D", "", text)
    # 2024-11-23, 10 000 000 and 3.14159265 are numbers too: without + only what begins with 0 is dialled
    if not (text.startswith("+") or digits.startswith("0") or text.startswith("(")):
        return False
    region = _REGIONS.get(language[:2].lower())
    try:
        number = phonenumbers.parse(text, None if text.startswith("+") else region)
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.is_valid_number(number))
