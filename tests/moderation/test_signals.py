"""Signals: each by its name, with evidence a moderator can read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from moderation.lists import Entry, Matcher, cleaned
from moderation.personal_data import personal_data_in, street_addresses_in
from moderation.policy import DEFAULT, SIGNALS, Policy, Signal, judge
from moderation.signals import History, Subject, author_of, circumstances_of, find

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
KNOWN = History(known=True)
SUBJECT = Subject(body="A plain opinion.", name="Ann", email="ann@example.org", email_domain="example.org")


def link(host: str, where: str = "body", **flags: bool) -> dict[str, Any]:
    return {"url": f"https://{host}/x", "host": host, "domain": ".".join(host.split(".")[-2:]), "where": where} | {
        "shortener": False, "punycode": False, "lookalike": False, **flags
    }  # fmt: skip


def found(
    subject: Subject = SUBJECT, history: History = KNOWN, lists: Matcher | None = None, language: str = "en", **facts: Any
) -> dict[str, Signal]:  # fmt: skip
    signals = find(subject, facts, lists or Matcher(), history, DEFAULT, NOON, language)
    assert len({signal.name for signal in signals}) == len(signals)
    return {signal.name: signal for signal in signals}


def test_a_plain_comment_of_a_known_author_gives_no_signal():
    assert found() == {}


def test_every_signal_that_can_fire_is_in_the_catalogue_with_its_weight():
    everything = found(
        replace(SUBJECT, honeypot="x", form_seconds=0.5, form_token_faulty=True, removed=("bidi_overrides",)),
        History(alike=9, alike_rejected=2, author_recent=99, ip_recent=99, thread_recent=999),
        links=[link("a.example", punycode=True, lookalike=True, shortener=True), link("b.example", "name")],
        upper_share=0.9,
        letters=99,
    )

    assert set(everything) <= set(SIGNALS)
    assert all(signal.weight == SIGNALS[name][1] for name, signal in everything.items())


@pytest.mark.parametrize(("count", "fires"), [(2, False), (3, True)])
def test_links_are_counted_with_their_domains(count, fires):
    signals = found(links=[link(f"h{i}.shop.example") for i in range(count)])

    assert ("many_links" in signals) is fires
    if fires:
        assert signals["many_links"].evidence == {
            "text": "3 links to shop.example", "count": 3, "domains": ["shop.example"],
        }  # fmt: skip


@pytest.mark.parametrize(
    ("flag", "name"),
    [("shortener", "link_shortener"), ("punycode", "punycode_link"), ("lookalike", "lookalike_link")],
)
def test_what_is_odd_about_a_link_is_named(flag, name):
    assert found(links=[link("odd.example", **{flag: True})])[name].evidence["text"] == "odd.example"


def test_a_link_in_the_name_is_a_signal_of_its_own():
    assert "link_in_name" in found(links=[link("pills.example", "name")])


def test_links_to_hosts_the_site_allows_do_not_count():
    lists = Matcher([Entry("allowed", "domain", "example.org")])
    links = [link("news.example.org", shortener=True) for _ in range(5)]

    assert found(lists=lists, links=links) == {}


def test_lists_speak_through_words_domains_addresses_and_networks():
    lists = Matcher(
        Entry(which, kind, cleaned(kind, pattern))
        for which, kind, pattern in (
            ("blocked", "word", "opinion"), ("suspect", "regex", r"pl[a-z]+n"), ("blocked", "domain", "bad.example"),
            ("suspect", "email", "@example.org"), ("blocked", "ip", "192.0.2.0/24"),
        )
    )  # fmt: skip

    signals = found(replace(SUBJECT, ip="192.0.2.9"), lists=lists, links=[link("www.bad.example")])

    assert set(signals) == {"blocked_word", "suspect_word", "blocked_domain", "suspect_email", "blocked_ip"}
    assert signals["blocked_word"].evidence["text"] == "opinion"


def test_an_allowed_network_is_not_stopped_by_a_wider_entry():
    lists = Matcher([Entry("blocked", "ip", "192.0.0.0/16"), Entry("allowed", "ip", "192.0.2.0/24")])

    assert found(replace(SUBJECT, ip="192.0.2.9"), lists=lists) == {}
    assert "blocked_ip" in found(replace(SUBJECT, ip="192.0.3.9"), lists=lists)


@pytest.mark.parametrize(
    ("share", "letters", "fires"), [(0.69, 100, False), (0.7, 100, True), (1.0, 19, False), (1.0, 20, True)]
)
def test_shouting_takes_more_than_an_abbreviation(share, letters, fires):
    assert ("shouting" in found(upper_share=share, letters=letters)) is fires


@pytest.mark.parametrize(
    ("seconds", "fires"), [(None, False), (2.9, True), (3.0, False), (900.0, False), (-0.5, True)]
)
def test_a_form_sent_faster_than_a_person_types_is_noticed(seconds, fires):
    assert ("form_too_fast" in found(replace(SUBJECT, form_seconds=seconds))) is fires


def test_the_honeypot_says_how_much_was_in_it_not_what():
    assert found(replace(SUBJECT, honeypot="buy pills"))["honeypot"].evidence["text"] == "9 characters in it"
    assert "honeypot" not in found(replace(SUBJECT, honeypot="  "))


def test_throw_away_addresses_are_known_by_their_domain():
    assert "disposable_email" in found(replace(SUBJECT, email_domain="mailinator.com"))
    assert "disposable_email" in found(replace(SUBJECT, email_domain="eu.mailinator.com"))


def test_language_is_compared_with_the_policys_then_the_sites():
    facts = {"language": "de", "language_certain": True}
    german = Policy.from_document({"languages": ["de", "fr"]})

    by_site = [s.name for s in find(SUBJECT, facts, Matcher(), KNOWN, DEFAULT, NOON, "en-GB")]
    by_policy = [s.name for s in find(SUBJECT, facts, Matcher(), KNOWN, german, NOON, "en-GB")]
    uncertain = find(SUBJECT, {**facts, "language_certain": False}, Matcher(), KNOWN, DEFAULT, NOON, "en")

    assert by_site == ["other_language"]
    assert by_policy == []
    assert uncertain == []


@pytest.mark.parametrize(
    ("history", "names"),
    [
        (History(known=True, alike=1), set()),
        (History(known=True, alike=2), {"near_duplicate"}),
        (History(known=True, alike=5, alike_exact=5), {"duplicate"}),
        (History(known=True, alike=1, alike_rejected=1), {"like_rejected"}),
        (History(akin_rejected=1), {"first_comment", "akin_to_rejected"}),
        (History(known=True, akin_rejected=9), set()),  # a reader quotes what they answer to
        (History(known=True, contact_rejected=2), {"contact_rejected"}),
        (History(known=True, contact_rejected=2, contact_approved=1), set()),
        (History(known=True, author_recent=6), {"flooding_author"}),
        (History(known=True, author_recent=5), set()),
        (History(known=True, ip_recent=16), {"flooding_ip"}),
        (History(known=True, thread_recent=201), {"flooding_thread"}),
        (History(), {"first_comment"}),
        (History(known=True, balance=-3), {"poor_reputation"}),
        (History(known=True, strikes=2, balance=-1), {"author_strikes"}),
        (History(known=True, strikes=2, balance=1), set()),  # mended
        (History(known=True, banned_until=NOON + timedelta(days=1)), {"banned_author"}),
        (History(known=True, banned_until=NOON - timedelta(days=1)), set()),  # over
    ],
)
def test_history_speaks_in_signals(history, names):
    assert set(found(history=history)) == names


@pytest.mark.parametrize(
    ("body", "hosts", "ways"),
    [
        ("Write to @jane_fx today", (), 1),
        ("Call +44 20 7946 0958", (), 1),
        ("Look at https://coin.example/x", ("coin.example",), 1),
        ("As https://news.example/ferry says", ("news.example",), 0),  # a host that the site allows
        ("It was 12:30 on 4/5", (), 0),
    ],
)
def test_a_stranger_who_wants_to_be_reached_elsewhere_is_named(body, hosts, ways):
    matcher = Matcher([Entry("allowed", "domain", "news.example")])
    subject = replace(SUBJECT, body=body)
    facts = {"links": [link(host) for host in hosts]}

    def count(history):
        fired = find(subject, facts, matcher, history, DEFAULT, NOON)
        return sum(s.evidence["count"] for s in fired if s.name == "stranger_with_contact")

    assert count(History()) == ways
    assert count(History(known=True)) == count(History(verified=True)) == 0


@pytest.mark.parametrize(
    ("history", "is_trusted"),
    [
        (History(known=True, verified=True, approved=5, balance=5.0), True),
        (History(known=True, verified=True, approved=4, balance=4.0), False),
        (History(known=True, verified=True, approved=50, balance=-1.0), False),
        (History(known=True, verified=True, trusted_at=NOON), True),
        (History(known=True, approved=500, balance=99.0), False),  # anyone can type that address
        (History(known=True, trusted_at=NOON), False),
    ],
)
def test_trust_takes_an_identity_that_the_site_vouches_for(history, is_trusted):
    assert author_of(history, DEFAULT, NOON).trusted is is_trusted
    assert ("trusted_author" in found(history=history)) is is_trusted


def test_a_bare_address_has_no_good_record_to_lean_on():
    rich = author_of(History(known=True, approved=500, balance=99.0), DEFAULT, NOON)

    assert (rich.approved, rich.reputation) == (0, 0.0)


def test_without_the_models_facts_everything_else_still_fires():
    lists = Matcher([Entry("blocked", "word", "opinion")])
    signals = find(replace(SUBJECT, honeypot="x"), {}, lists, KNOWN, DEFAULT, NOON)

    verdict = judge({}, DEFAULT, signals, circumstances_of(
        SUBJECT, KNOWN, DEFAULT, NOON, scoring_failed="the model did not answer"))  # fmt: skip

    assert {signal.name for signal in signals} == {"blocked_word", "honeypot"}
    assert verdict.outcome == "reject"


@pytest.mark.parametrize(
    ("text", "language", "kinds"),
    [
        ("call +49 30 901820", "", {"phone number": 1}),
        ("ruf an: 030 901820", "de", {"phone number": 1}),
        ("ruf an: 030 901820", "", {}),  # no country, no number
        ("4111 1111 1111 1111", "en", {"card number": 1}),
        ("4111 1111 1111 1112", "en", {}),  # the check digit is wrong
        ("0000 0000 0000 0000", "en", {}),
        ("DE89 3704 0044 0532 0130 00", "de", {"IBAN": 1}),
        ("DE88 3704 0044 0532 0130 00", "de", {}),
        ("on 2024-11-23 the 10 000 000 voters of 192.168.100.200 paid 1.234.567,89", "en", {}),
        ("ISBN 978-3-16-148410-0, order 20241123001", "en", {}),
        ("see https://a.example/?id=4111111111111111111111", "en", {}),
    ],
)
def test_personal_data_are_found_by_their_check_digits(text, language, kinds):
    assert personal_data_in(text, language=language) == kinds


def test_evidence_counts_personal_data_and_never_repeats_them():
    signals = found(replace(SUBJECT, body="mine is 4111 1111 1111 1111"), emails=1)

    assert signals["personal_data"].evidence["text"] == "1 e-mail address, 1 card number"
    assert "4111" not in str(signals)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("I live at 12 Baker Street", 1),
        ("Hauptstraße 5, gleich nebenan", 1),
        ("in 2024 the street was busy", 0),
    ],
)
def test_street_addresses_are_weakly_known(text, count):
    assert street_addresses_in(text) == count


@pytest.mark.parametrize(
    "text", ["1" * 20_000, "1 " * 10_000, "DE12" + "A1 " * 6_000, "(1" * 10_000, "Aa " * 7_000]
)
def test_runs_of_digits_and_letters_cost_no_more_than_their_length(text):
    assert isinstance(personal_data_in(text, language="de"), dict)
    assert isinstance(street_addresses_in(text), int)
