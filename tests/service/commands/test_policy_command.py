"""btl policy and btl lists, as someone at a terminal has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from moderation import lifecycle
from moderation.opinion import Judgement
from moderation.policy_schema import ATTRIBUTES, BASE
from moderation.settings import Settings
from moderation.store import Database, comment_of, open_database
from moderation.tables import Site
from moderation.vault import vault_of
from service.commands import lists, policy
from tests.conftest import make_site

NOW = datetime.now(UTC)


@pytest.fixture
def database(settings: Settings):
    opened = open_database(settings.database_url)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def site(database: Database, settings: Settings) -> Site:
    vault = vault_of(settings.email_keys, settings.hash_key)
    with database.writing() as session:
        return make_site(session, vault)


@pytest.fixture
def btl(environment: dict[str, str], site: Site) -> Callable[..., Result]:
    def call(*arguments: object, typed: str | None = None) -> Result:
        group = {"policy": policy.command, "lists": lists.command}[str(arguments[0])]
        words = [str(argument) for argument in arguments[1:]]
        return CliRunner().invoke(group, words, env=environment, input=typed)

    return call


@pytest.fixture
def judged(database: Database, settings: Settings, site: Site) -> list[str]:
    """Ten comments, insult 0.0 to 0.9; a person rejected those from 0.5 on."""
    vault = vault_of(settings.email_keys, settings.hash_key)
    ids = []
    for i in range(10):
        with database.writing() as session:
            comment = lifecycle.receive(
                session, site_id=site.id, vault=vault, now=NOW, name="A", email=f"a{i}@example.org", body=f"Text {i}"
            )  # fmt: skip
            session.flush()
            session.expunge(comment)
            scores = dict.fromkeys(ATTRIBUTES, 0.01) | {"insult": i / 10}
            lifecycle.settle(session, [Judgement(comment, "hold", [], scores)], now=NOW)
            session.flush()
            action = "reject" if i >= 5 else "approve"
            locked = comment_of(session, site.id, comment.id, lock=True)
            lifecycle.decide(session, locked, action=action, by_kind="moderator", by_id="m", now=NOW)
            ids.append(comment.id)
    return ids


def written(tmp_path: Path, text: str, name: str = "policy.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_policy_is_saved_and_shown_as_it_was_written(btl, tmp_path):
    text = "# our house rules\nthresholds:\n  insult: {hold_at: 0.6}  # mild\n"

    saved = btl("policy", "set", written(tmp_path, text), "--note", "first")
    shown = btl("policy", "show")

    assert saved.output == "Version 1 is in force on Daily Line.\n"
    assert shown.output == text
    assert json.loads(btl("policy", "show", "--full", "--json").output)["thresholds"]["insult"] == {
        "hold_at": 0.6, "reject_at": BASE["thresholds"]["insult"]["reject_at"],
    }  # fmt: skip
    assert "first" in btl("policy", "show", "--versions").output


def test_a_section_has_a_policy_of_its_own(btl, tmp_path):
    btl("policy", "set", written(tmp_path, "moderation: before"), "--scope", "section:letters")

    assert yaml.safe_load(btl("policy", "show").output) == {
        "preset": "balanced", "sections": {"letters": {"moderation": "before"}},
    }  # fmt: skip


def test_a_faulty_policy_changes_nothing_and_every_fault_is_said_with_its_line(btl, tmp_path):
    btl("policy", "set", written(tmp_path, "preset: strict"))
    faulty = written(tmp_path, "preset: strickt\nthresholds:\n  insolt: {hold_at: 0.3}\n", "faulty.yaml")

    refused = btl("policy", "set", faulty)

    assert refused.exit_code == 1
    assert f"{faulty}:1: /preset: 'strickt'" in refused.output
    assert f"{faulty}:3: /thresholds/insolt: " in refused.output
    assert btl("policy", "show").output == "preset: strict\n"
    assert json.loads(btl("policy", "set", faulty, "--json").output)["faults"][0]["line"] == 1
    assert btl("policy", "set", faulty, "--check").exit_code == 1


def test_a_backtest_says_what_would_have_been(btl, judged, tmp_path):
    file = written(tmp_path, "thresholds: {insult: {hold_at: 0.5, reject_at: 0.8}}")

    found = json.loads(btl("policy", "backtest", file, "--json").output)
    table = btl("policy", "backtest", file).output

    assert found["before"] == {"approve": 0, "hold": 10, "reject": 0}
    assert found["after"] == {"approve": 5, "hold": 3, "reject": 2}
    assert found["agreement"]["caught"]["value"] == 1.0
    assert {example["excerpt"] for example in found["examples"]} <= {f"Text {i}" for i in range(10)}
    assert "hold → approve: 5" in table
    assert btl("policy", "show").output == "preset: balanced\n"


@pytest.mark.parametrize("how", [["--rescore"], ["--comments"]])
def test_a_backtest_scores_anew_when_asked(btl, judged, tmp_path, how):
    comments = written(tmp_path, '{"text": "A kind word.", "decision": "approved"}\n' * 3, "comments.jsonl")
    file = written(tmp_path, "preset: balanced")

    found = json.loads(
        btl("policy", "backtest", file, "--json", *how, *([comments] if how == ["--comments"] else [])).output
    )

    assert found["comments"] == (3 if how == ["--comments"] else 10)


def test_a_bad_line_of_a_file_is_named(btl, tmp_path):
    comments = written(tmp_path, '{"text": "fine"}\n{"txt": "?"}\n', "comments.jsonl")

    refused = btl("policy", "backtest", written(tmp_path, ""), "--comments", comments)

    assert "Line 2" in str(refused.exception)


def test_advice_proposes_lines_and_shows_the_trade(btl, judged, tmp_path):
    said = btl("policy", "advise", "--missed", "0")
    found = json.loads(btl("policy", "advise", "--missed", "0", "--json").output)

    assert "From 10 decisions by people" in said.output
    assert found["proposed"]["missed"]["value"] == 0
    assert len(found["points"]) == 81
    assert yaml.safe_load(said.output[said.output.index("thresholds:") :]) == found["document"]
    assert btl("policy", "advise").exit_code == 2


def test_other_systems_settings_become_a_policy(btl, tmp_path):
    settings = written(tmp_path, '{"TOXICITY": 0.7, "FLIRTATION": 0.5}', "perspective.json")

    made = btl("policy", "import", "perspective", settings)

    assert "Not taken over: FLIRTATION" in made.stderr
    assert yaml.safe_load(made.stdout)["thresholds"] == {"toxicity": {"hold_at": 0.7, "reject_at": 0.95}}
    assert btl("policy", "set", "-", typed=made.stdout).exit_code == 0


def test_the_schema_is_printed_for_editors(btl):
    assert json.loads(btl("policy", "schema").output)["title"] == "A site's policy"


def test_a_list_comes_in_is_shown_and_goes_again(btl, tmp_path):
    file = written(tmp_path, "# bad\nscam\nScam\n...\nbob@mail.example\nspam.example\n", "ours.txt")

    came = btl("lists", "import", file)
    again = btl("lists", "import", file, "--json")

    assert "3 entries added to “blocked”, 1 were there already, 1 refused." in came.output
    assert "line 4: '...': the entry holds no letter or digit" in came.output
    assert json.loads(again.output) == {"added": 0, "known": 4, "refused": 1}
    assert "blocked\tword\tscam\tours.txt\t" in btl("lists", "show").output
    assert "bob" not in btl("lists", "show").output
    assert "1 entries removed." in btl("lists", "remove", "bob@mail.example").output
    assert "2 entries removed." in btl("lists", "remove", "--reason", "ours.txt", "--yes").output
    assert btl("lists", "show", "--count").output == ""


def test_words_are_never_allowed(btl, tmp_path):
    said = btl(
        "lists", "import", written(tmp_path, "please\nexample.org\n", "l.txt"), "--list", "allowed"
    ).output

    assert "1 entries added to “allowed”, 0 were there already, 1 refused." in said


def test_what_is_no_list_is_refused_in_a_sentence(btl, tmp_path):
    refused = btl("lists", "import", written(tmp_path, '{"a": 1}', "x.json"))

    assert refused.exit_code == 1
    assert "holds no word list" in refused.output


def test_a_long_list_comes_in_chunk_by_chunk(btl, tmp_path):
    file = written(tmp_path, "".join(f"word{i}\n" for i in range(25_000)), "long.txt")

    assert "25,000 entries added" in btl("lists", "import", file).output
    assert btl("lists", "show", "--count").output == "blocked\tword\t25,000\n"
