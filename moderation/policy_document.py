"""The policy document: what a newsroom writes, and every fault in it.

A document is YAML or JSON. It may name a preset to start from, and holds only what differs:
``sections`` and ``articles`` inherit in the same way. Nothing in it is ever executed.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from moderation.errors import Fault
from moderation.policy_schema import CONDITION_SUBJECTS, SCHEMA

# A document is written by people: these ends are far above any real one, and keep a hostile one cheap.
MOST_CHARACTERS = 400_000
DEEPEST = 40
MOST_CONDITIONS = 2_000


_UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")


def fault(pointer: str, message: str, hint: str = "", line: int | None = None) -> Fault:
    """A fault whose sentence ends with what to do."""
    return Fault(pointer, f"{message} {hint}".strip(), line)


def pointer_of(path: Any) -> str:
    """A JSON pointer (RFC 6901) from the steps that lead to a value."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def read(text: str) -> tuple[Any, dict[str, int], list[Fault]]:
    """Read YAML or JSON text (JSON is YAML) with the line of every value.

    :returns: the document, pointer -> line from 1, and the faults of the text itself; the document is
        None where it cannot be read.
    """
    if len(text) > MOST_CHARACTERS:
        return None, {}, [fault("", "The document is too long.", f"At most {MOST_CHARACTERS:,} characters.")]
    lines: dict[str, int] = {}
    faults: list[Fault] = []
    try:
        # libyaml's loader: the same grammar, and it does not recurse in Python while it scans
        loader = yaml.CSafeLoader(text) if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader(text)
        try:
            for token_count, event in enumerate(yaml.parse(text, Loader=type(loader))):
                if isinstance(event, yaml.AliasEvent):
                    mark: Any = event.start_mark
                    # ten aliases of aliases make a billion values out of ten lines
                    return (
                        None,
                        {},
                        [fault("", "Anchors and aliases are not read.", "Write it out.", mark.line + 1)],
                    )
                if token_count > 100_000:
                    return None, {}, [fault("", "The document holds too many values.")]
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        problem = error.problem or "it cannot be read"
        return None, {}, [fault("", f"This is not YAML or JSON: {problem}.", "Check the indentation.", line)]
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else "it cannot be read"
        return None, {}, [fault("", f"This is not YAML or JSON: {first}.")]
    if node is None:
        return {}, {"": 1}, []
    document = _value(node, (), lines, faults, 0)
    return document, lines, faults


def _value(node: Any, path: tuple[Any, ...], lines: dict[str, int], faults: list[Fault], depth: int) -> Any:
    pointer = pointer_of(path)
    line = lines.setdefault(pointer, node.start_mark.line + 1)
    if depth > DEEPEST:
        faults.append(fault(pointer, "Nested too deeply.", f"At most {DEEPEST} levels.", line))
        return None
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(getattr(key_node, "value", ""))
            if key in mapping:
                at = key_node.start_mark.line + 1
                faults.append(fault(pointer_of((*path, key)), f"{key!r} stands twice.", "Keep one.", at))
            lines[pointer_of((*path, key))] = key_node.start_mark.line + 1
            mapping[key] = _value(value_node, (*path, key), lines, faults, depth + 1)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, i), lines, faults, depth + 1) for i, item in enumerate(node.value)]
    tag = str(node.tag).removeprefix("tag:yaml.org,2002:")
    try:
        if tag == "bool":
            return node.value.lower() in ("true", "yes", "on")
        if tag == "null":
            return None
        # 22:30 is a clock time here, never YAML 1.1's base-60 number 1350
        if tag == "int" and ":" not in node.value:
            return int(node.value.replace("_", ""), 0)
        if tag == "float" and ":" not in node.value:
            return float(node.value.replace("_", ""))
    except ValueError:
        return node.value
    return node.value


def faults_of(document: Any, lines: Mapping[str, int] | None = None) -> list[Fault]:
    """Everything wrong with a document, in its order.

    :param lines: pointer -> line, as :func:`read` gives it.
    """
    if not isinstance(document, dict):
        return [fault("", "A policy is a mapping of settings.", "Start from `preset: balanced`.", 1)]
    found: list[Fault] = []
    try:
        for error in sorted(
            Draft202012Validator(SCHEMA).iter_errors(document), key=lambda e: list(map(str, e.absolute_path))
        ):
            found.extend(_said(error))
        found.extend(_meant(document, ()))
        found.extend(_unkeepable(document, ()))
    except RecursionError:
        return [fault("", "Nested too deeply.", f"At most {DEEPEST} levels.", None)]
    known = lines or {}
    placed = {Fault(one.pointer, one.detail, _line_of(one.pointer, known)) for one in found}
    return sorted(placed, key=lambda one: (one.line or 0, one.pointer, one.detail))


def _unkeepable(part: Any, path: tuple[Any, ...]) -> Iterator[Fault]:
    """Text that no database keeps and no webhook carries: what is named here stands in events."""
    if isinstance(part, dict):
        for key, inner in part.items():
            yield from _unkeepable(str(key), path)
            yield from _unkeepable(inner, (*path, key))
    elif isinstance(part, list):
        for place, inner in enumerate(part):
            yield from _unkeepable(inner, (*path, place))
    elif isinstance(part, str) and _UNKEEPABLE.search(part):
        shown = pointer_of(path).encode("utf-8", "replace").decode()
        yield fault(shown, "Holds a character that cannot be kept: NUL, or half of a pair.", "Take it out.")


def _line_of(pointer: str, lines: Mapping[str, int]) -> int | None:
    while pointer and pointer not in lines:
        pointer = pointer.rpartition("/")[0]
    return lines.get(pointer)


def _said(error: ValidationError) -> Iterator[Fault]:
    """A schema's complaint in a newsroom's words."""
    path, value = list(error.absolute_path), error.instance
    pointer = pointer_of(path)
    match error.validator:
        case "additionalProperties" | "propertyNames" if isinstance(value, dict):
            known = list(error.schema.get("properties", {}))
            for key in value:
                if key not in known:
                    yield fault(pointer_of([*path, key]), f"{key!r} is not a setting here.", near(key, known))
        case "propertyNames":
            known = list(error.schema.get("enum", []))
            yield fault(pointer_of([*path, value]), f"{value!r} is not known.", near(str(value), known))
        case "enum":
            yield fault(
                pointer, f"{value!r} is not one of the choices.", near(str(value), error.validator_value)
            )
        case "oneOf" | "anyOf" if error.schema.get("title") == "condition":
            choices = ", ".join(CONDITION_SUBJECTS)
            yield fault(pointer, "A condition asks about exactly one thing.", f"Say one of: {choices}.")
        case "required":
            missing = [key for key in error.validator_value if key not in value]
            yield fault(pointer, f"{' and '.join(map(repr, missing))} is missing.", "Add it.")
        case "minimum" | "maximum" | "exclusiveMinimum":
            low, high = error.schema.get("minimum"), error.schema.get("maximum")
            between = f"between {low} and {high}" if high is not None else f"{low} or more"
            yield fault(pointer, f"{value!r} is out of range.", f"Give a number {between}.")
        case "type" | "anyOf" | "oneOf":
            hint = error.schema.get("description", "")
            yield fault(pointer, f"{_short(value)} does not fit here.", hint)
        case "pattern":
            yield fault(pointer, f"{_short(value)} does not fit here.", error.schema.get("description", ""))
        case _:
            yield fault(pointer, error.message[:200], error.schema.get("description", ""))


def _short(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= 60 else shown[:57] + "…"


def near(word: str, known: Any) -> str:
    """A hint: the known word that was probably meant, or all of them."""
    known = [str(one) for one in known]
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known: {', '.join(known[:30])}." if known else ""


def _meant(document: Any, path: tuple[Any, ...]) -> Iterator[Fault]:
    """What a schema cannot say: lines in the wrong order, hours, names twice, unknown time zones."""
    if not isinstance(document, dict):
        return
    lines = document.get("thresholds")
    entries = list(lines.items()) if isinstance(lines, dict) else []
    if isinstance(document.get("weight"), dict):
        entries.append(("weight", document["weight"]))
    for name, line in entries:
        if isinstance(line, dict):
            hold: Any = line.get("hold_at")
            reject: Any = line.get("reject_at")
            both = isinstance(hold, int | float) and isinstance(reject, int | float)
            if both and hold > reject:
                steps = (*path, "weight") if name == "weight" else (*path, "thresholds", name)
                yield fault(
                    pointer_of(steps),
                    f"hold_at {hold} lies above reject_at {reject}.",
                    "A comment is held before it is rejected: hold_at must not be the larger one.",
                )
    zone = document.get("timezone")
    if isinstance(zone, str) and not is_zone(zone):
        close = difflib.get_close_matches(zone, available_timezones(), n=1)
        hint = f"Did you mean {close[0]!r}?" if close else "Write it like 'Europe/Berlin' or 'UTC'."
        yield fault(pointer_of((*path, "timezone")), f"{zone!r} is not a time zone.", hint)
    rules = document.get("rules")
    if isinstance(rules, list):
        seen: set[str] = set()
        for i, rule in enumerate(rules):
            name = rule.get("name") if isinstance(rule, dict) else None
            if isinstance(name, str) and name in seen:
                at = pointer_of((*path, "rules", i, "name"))
                yield fault(at, f"Two rules are called {name!r}.", "Give each its own name.")
            seen.add(str(name))
        if _conditions_in(rules) > MOST_CONDITIONS:
            at = pointer_of((*path, "rules"))
            yield fault(at, "Too many conditions.", f"At most {MOST_CONDITIONS} in all rules together.")
    for group in ("sections", "articles"):
        inner = document.get(group)
        if isinstance(inner, dict):
            for name, child in inner.items():
                yield from _meant(child, (*path, group, name))
    yield from _meant(document.get("shadow"), (*path, "shadow"))


def _conditions_in(part: Any) -> int:
    if isinstance(part, dict):
        return 1 + sum(_conditions_in(value) for value in part.values())
    return sum(_conditions_in(value) for value in part) if isinstance(part, list) else 0


def is_zone(name: str) -> bool:
    """Whether a time zone has this name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one document over another: what the upper one says wins, what it leaves out is inherited.

    Rules of the upper one stand before the inherited ones. A value of None takes an inherited one away.
    """
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if value is None:
            result.pop(key, None)
        elif key == "rules":
            result[key] = [*value, *(below or [])]
        elif isinstance(value, Mapping) and isinstance(below, Mapping) and key != "opening_hours":
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result
