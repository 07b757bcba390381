"""Fields for what strangers write: every fault named, nothing a database or a page would choke on."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from marshmallow import ValidationError, fields, validate

from moderation.intake import clean, clean_line, is_blank

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_TOKEN = re.compile(r"[\x21-\x7e\u00a1-\ud7ff\ue000-\ufffd\U00010000-\U0010fffd]+")


class Words(fields.String):
    """What people write: cleaned on the way in (see moderation.intake), never empty to the eye.

    :param most: characters, counted as Unicode code points before and after cleaning.
    :param one_line: line breaks become spaces.
    """

    def __init__(self, *, most: int, one_line: bool = False, may_be_blank: bool = False, **more: Any) -> None:
        metadata = {"maxLength": most, **more.pop("metadata", {})}
        if not may_be_blank:
            metadata = {"minLength": 1, "pattern": r"\S", **metadata}
        super().__init__(metadata=metadata, **more)
        self.most, self.one_line, self.may_be_blank = most, one_line, may_be_blank

    def _deserialize(self, value: Any, attr: Any, data: Any, **more: Any) -> str:
        text = super()._deserialize(value, attr, data, **more)
        # A form sends line breaks as two characters; people and browsers count one.
        text = text.replace("\r\n", "\n")
        kept = text if len(text) > self.most else (clean_line if self.one_line else clean)(text)[0]
        if len(kept) > self.most:
            raise ValidationError(f"Has {len(kept)} characters; at most {self.most} are taken.")
        if not self.may_be_blank and is_blank(kept):
            raise ValidationError("Has nothing to read in it.")
        return text


class Email(fields.String):
    """An e-mail address by its syntax (RFC 5321, 5322, 6531); whether it exists is not asked."""

    def __init__(self, **more: Any) -> None:
        super().__init__(metadata={"format": "email", "maxLength": 254, **more.pop("metadata", {})}, **more)

    def _deserialize(self, value: Any, attr: Any, data: Any, **more: Any) -> str:
        text = super()._deserialize(value, attr, data, **more).strip()
        if len(text) > 254:
            raise ValidationError("An e-mail address has at most 254 characters.")
        try:
            return validate_email(text, check_deliverability=False, test_environment=True).normalized
        except EmailNotValidError as fault:
            raise ValidationError(f"Is not an e-mail address: {fault}") from None
        except ValueError:
            raise ValidationError("Is not an e-mail address.") from None


class Name(fields.String):
    """An identifier of the site's own: kept as sent, so it may hold nothing that cannot be kept."""

    def __init__(self, *, most: int, **more: Any) -> None:
        metadata = {"minLength": 1, "maxLength": most, "pattern": r"^[^\s\x00-\x1f\x7f]+$"}
        super().__init__(metadata={**metadata, **more.pop("metadata", {})}, **more)
        self.most = most

    def _deserialize(self, value: Any, attr: Any, data: Any, **more: Any) -> str:
        text = super()._deserialize(value, attr, data, **more)
        if not 0 < len(text) <= self.most:
            raise ValidationError(f"Needs 1 to {self.most} characters.")
        if any(unicodedata.category(char) in ("Cc", "Cs", "Cn") or char.isspace() for char in text):
            raise ValidationError("May hold no spaces or control characters.")
        return text


class Loose(fields.String):
    """One line that is kept for what it tells (a referrer, a website): cleaned, of any form."""

    def __init__(self, *, most: int, **more: Any) -> None:
        super().__init__(metadata={"maxLength": most, **more.pop("metadata", {})}, **more)
        self.most = most

    def _deserialize(self, value: Any, attr: Any, data: Any, **more: Any) -> str:
        text = super()._deserialize(value, attr, data, **more)
        if len(text) > self.most:
            raise ValidationError(f"Has {len(text)} characters; at most {self.most} are taken.")
        return clean_line(text)[0][: self.most]


class WebAddress(fields.String):
    """An http or https address of at most 2,000 characters."""

    def __init__(self, **more: Any) -> None:
        metadata = {"format": "uri", "maxLength": 2000, "pattern": "^https?://"}
        super().__init__(metadata={**metadata, **more.pop("metadata", {})}, **more)

    def _deserialize(self, value: Any, attr: Any, data: Any, **more: Any) -> str:
        text = super()._deserialize(value, attr, data, **more).strip()
        if len(text) > 2000:
            raise ValidationError(f"Has {len(text)} characters; at most 2000 are taken.")
        try:
            parts = urlsplit(text)
            is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
            _ = parts.port
        except ValueError:
            is_web = False
        if not is_web or not _TOKEN.fullmatch(text):
            raise ValidationError("Is not an address such as https://example.org/article.")
        return text


class IpAddress(fields.String):
    """An IPv4 or IPv6 address; a v4-mapped one becomes the IPv4 address that it is."""

    def __init__(self, **more: Any) -> None:
        super().__init__(metadata={"maxLength": 45, **more.pop("metadata", {})}, **more)

    def _deserialize(self, value: Any, attr: Any, data: Any, **more: Any) -> str:
        text = super()._deserialize(value, attr, data, **more).strip()
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            raise ValidationError("Is not an IPv4 or IPv6 address.") from None
        return str(getattr(address, "ipv4_mapped", None) or address)


class Language(fields.String):
    """A language tag (RFC 5646) such as ``de`` or ``pt-BR``."""

    def __init__(self, **more: Any) -> None:
        metadata = {"maxLength": 20, "pattern": f"^{_LANGUAGE.pattern}$"}
        super().__init__(metadata={**metadata, **more.pop("metadata", {})}, **more)

    def _deserialize(self, value: Any, attr: Any, data: Any, **more: Any) -> str:
        text = super()._deserialize(value, attr, data, **more).strip()
        if len(text) > 20 or not _LANGUAGE.fullmatch(text):
            raise ValidationError("Is not a language tag such as de or pt-BR.")
        return text


class Moment(fields.AwareDateTime):
    """A time with its zone (RFC 3339), between the years 1990 and 2200; without a zone, UTC is meant."""

    def __init__(self, **more: Any) -> None:
        super().__init__(format="iso", default_timezone=UTC, **more)

    def _deserialize(self, value: Any, attr: Any, data: Any, **more: Any) -> datetime:
        if not isinstance(value, str) or len(value) > 40:
            raise ValidationError("Is not a time such as 2026-11-28T10:00:00Z.")
        try:
            found: datetime = super()._deserialize(value, attr, data, **more).astimezone(UTC)
        except (ValidationError, ValueError, OverflowError):
            raise ValidationError("Is not a time such as 2026-11-28T10:00:00Z.") from None
        # Arithmetic near the ends of the calendar overflows, and no reader writes there.
        if not 1990 <= found.year <= 2200:
            raise ValidationError("Lies outside the years 1990 to 2200.")
        return found


class Truth(fields.Boolean):
    """true or false; from a form also ``on`` and ``1``."""

    truthy = {True, "true", "1", "on", "yes"}
    falsy = {False, "false", "0", "off", "no", ""}

    def _deserialize(self, value: Any, attr: Any, data: Any, **more: Any) -> bool:
        if not isinstance(value, bool | str):
            raise ValidationError("Is neither true nor false.")
        return bool(super()._deserialize(value, attr, data, **more))


class Whole(fields.Integer):
    """A whole number between two ends, both taken."""

    def __init__(self, *, least: int, most: int, **more: Any) -> None:
        check = validate.Range(least, most, error=f"Must lie between {least} and {most}.")
        super().__init__(strict=True, validate=check, **more)

    def _deserialize(self, value: Any, attr: Any, data: Any, **more: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value):
            value = int(value)  # from a query or a form
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValidationError("Is not a whole number.")
        found: int = super()._deserialize(value, attr, data, **more)
        return found
