"""What Akismet's clients send, in every shape they send it: forms, JSON, lists in three spellings.

The key stands in a field or is the first label of the host name. Unknown fields are ignored.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from flask import request

from service.compat.scoring import readable

#: Clients send every server variable they have: many, but not without end.
MOST_FIELDS = 2_000
_KEY = re.compile(r"[0-9a-z]{12}", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,2}")
_CONTEXT = re.compile(r"comment_context(\[\d*\])?")


class FormRefused(Exception):
    """The request cannot be read."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of one call.

    :param context: ``comment_context``, in order.
    """

    fields: dict[str, str]
    context: tuple[str, ...] = field(default=())

    def get(self, *names: str) -> str:
        """The first of the fields that is not empty, without space around it."""
        return next((value for name in names if (value := self.fields.get(name, "").strip())), "")

    def raw(self, name: str) -> str:
        return self.fields.get(name, "")

    def says(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.get(name).lower() not in ("", "0", "false", "no", "off")

    @property
    def keys(self) -> list[str]:
        """The keys that the caller named; only without any, the one in the host name."""
        named = [key for key in (self.get("api_key"), self.get("key")) if key]
        return named or [key for key in (_key_in_host(),) if key]

    @property
    def blog(self) -> str:
        """The blog as it is counted: host and path, without scheme and closing slash."""
        return blog_of(self.get("blog"))

    @property
    def honeypot(self) -> str:
        """What was typed into the hidden field that the caller names."""
        name = self.get("honeypot_field_name")
        return self.get(name) if name else ""

    @property
    def language(self) -> str:
        """The first of ``blog_lang``, as a language tag; "" without one."""
        first = re.split(r"[,;\s]+", self.get("blog_lang"))[0].replace("_", "-")
        return first if _LANGUAGE.fullmatch(first) else ""


def form() -> Form:
    """The fields of the request in hand, those of its query included.

    :raises FormRefused: for what is neither a form nor a JSON object.
    """
    pairs = list(request.args.items(multi=True))
    kind = request.mimetype
    if kind == "multipart/form-data":
        pairs += request.form.items(multi=True)
    elif body := request.get_data(cache=False):
        is_json = kind == "application/json" or kind.endswith("+json") or body.lstrip()[:1] == b"{"
        pairs += _from_json(body) if is_json else _from_form(body)
    return _gathered(pairs)


def _from_form(body: bytes) -> list[tuple[str, str]]:
    charset = request.mimetype_params.get("charset", "utf-8")
    try:
        codecs.lookup(charset)
        return parse_qsl(
            body.decode("ascii", "replace"),
            keep_blank_values=True,
            encoding=charset,
            errors="replace",
            max_num_fields=MOST_FIELDS,
        )
    except (LookupError, ValueError) as error:
        raise FormRefused("The form cannot be read.") from error


def _from_json(body: bytes) -> list[tuple[str, str]]:
    try:
        document = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise FormRefused("The JSON cannot be read.") from error
    if not isinstance(document, dict) or len(document) > MOST_FIELDS:
        raise FormRefused("The JSON must be an object of fields.")
    pairs = []
    for name, value in document.items():
        values = value if isinstance(value, list) else [value]
        pairs += [(name, _word(one)) for one in values[:MOST_FIELDS]]
    return pairs


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return value if isinstance(value, str) else "" if value is None else str(value)


def _gathered(pairs: Iterable[tuple[str, str]]) -> Form:
    fields: dict[str, str] = {}
    context = []
    for name, value in pairs:
        value = readable(value).replace("\x00", "")  # no database takes either, and no reader sees them
        if _CONTEXT.fullmatch(name):
            context.append(value)
        else:
            fields[name] = value
    return Form(fields, tuple(context))


def _key_in_host() -> str:
    """``k123.rest.example``: the old way to say the key."""
    label, _, rest = request.host.partition(".")
    return label.lower() if rest and _KEY.fullmatch(label) else ""


def blog_of(address: str) -> str:
    """:return: e.g. ``news.example/blog``; at most 300 characters."""
    address = address.strip()
    if "://" not in address:
        address = f"http://{address}"
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port not in (None, 80, 443) else "")
    except ValueError:
        return address[:300]
    return f"{host}{parts.path.rstrip('/')}"[:300]
