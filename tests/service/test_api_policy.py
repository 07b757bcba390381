"""A site's policy over the API: saved with every fault named, in force at once, tried before it is."""

from __future__ import annotations

from tests.service.conftest import judge

YAML = {"Content-Type": "application/yaml"}


def test_a_policy_is_saved_as_json_or_yaml_and_read_back(site_on_both):
    saved = site_on_both.call("PUT", "/v1/policy?note=Calmer", json={"preset": "strict"})
    written = "preset: balanced  # as before\n"
    again = site_on_both.call("PUT", "/v1/policy", data=written, headers=YAML)

    assert (saved.json["version"], saved.json["note"]) == (1, "Calmer")
    assert (again.json["version"], again.json["source"]) == (2, written)
    found = site_on_both.get("/v1/policy").json
    assert [policy["version"] for policy in found["policies"]] == [2]
    assert found["effective"]["preset"] == "balanced"


def test_faults_of_yaml_come_with_their_line(site):
    sent = "preset: strict\nthresholds:\n  spam: {hold_at: 0.9, reject_at: 0.1}\nsignls: {}\n"

    answer = site.call("PUT", "/v1/policy", data=sent, headers=YAML)

    assert (answer.status_code, answer.json["type"]) == (422, "/docs#policy-refused")
    assert {fault["line"] for fault in answer.json["errors"]} == {3, 4}
    assert site.get("/v1/policy").json["policies"][0]["version"] == 0


def test_a_hostile_document_is_refused(site):
    bomb = "a: &a [1,1]\nb: &b [*a,*a]\nc: [*b,*b]\n"
    for sent in (bomb, "!!python/object/apply:os.system ['true']", "{" * 5_000, "\x00", "- just\n- a list"):
        assert site.call("PUT", "/v1/policy", data=sent, headers=YAML).status_code == 422
    assert site.call("PUT", "/v1/policy", data=b"\xff\xfe", headers=YAML).status_code == 400


def test_a_policy_is_tried_on_what_was_judged(site):
    for _ in range(3):
        judge(site, site.send().json["id"])
    strict = {"thresholds": {"toxicity": {"hold_at": 0.1, "reject_at": 0.2}}}

    found = site.post("/v1/policy/backtest", {"policy": strict, "days": 1}).json

    assert found["comments"] == 3
    assert found["moved"] == {"approve>reject": 3}
    assert found["examples"][0]["excerpt"]


def test_a_section_has_a_policy_of_its_own(site):
    rules = {"thresholds": {"insult": {"hold_at": 0.9, "reject_at": 0.99}}}
    saved = site.call("PUT", "/v1/policy?scope=section:sport", json=rules)
    faulty = site.call("PUT", "/v1/policy?scope=planet:mars", json={})

    assert saved.json["scope"] == "section:sport", saved.json
    assert "sport" in site.get("/v1/policy").json["effective"]["sections"]
    assert faulty.status_code == 422
