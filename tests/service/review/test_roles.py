"""Every address of the desk for every role: the allowed cells of this table, and no other."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from moderation import sites

ROLES = ("read-only", "moderator elsewhere", "moderator", "senior", "admin")
#: address, what is sent -> the status for each role, in the order of ROLES
GETS = {
    "/desk/": (302, 302, 302, 302, 302),
    "/desk/held": (200, 200, 200, 200, 200),
    "/desk/escalated": (200, 200, 200, 200, 200),
    "/desk/pulse": (200, 200, 200, 200, 200),
    "/desk/live": (204, 204, 204, 204, 204),
    "/desk/held?site=estuary-post": (200, 404, 200, 200, 200),
    "/desk/comments/{comment}": (200, 404, 200, 200, 200),
    "/desk/like/author/{comment}": (403, 404, 200, 200, 200),
    "/desk/account": (200, 200, 200, 200, 200),
    "/desk/account/second-factor": (200, 200, 200, 200, 200),
    "/desk/keys": (200, 200, 200, 200, 200),
    "/desk/numbers": (200, 200, 200, 200, 200),
    "/desk/numbers?site=estuary-post": (200, 404, 200, 200, 200),
    "/desk/numbers/outcomes.csv?site=estuary-post": (200, 404, 200, 200, 200),
    "/desk/deliveries": (403, 403, 403, 200, 200),
    "/desk/people": (403, 403, 403, 403, 200),
}
POSTS = {
    "/desk/comments/{comment}/author": ({"action": "note", "text": "x"}, (403, 404, 303, 303, 303)),
    "/desk/comments/{comment}/decisions": ({"action": "hold"}, (403, 404, 303, 303, 303)),
    "/desk/comments/{comment}/appeal": ({"action": "uphold"}, (403, 404, 303, 303, 303)),
    "/desk/like/author/{comment}": ({"action": "nothing"}, (403, 404, 422, 422, 422)),
    "/desk/deliveries/x/replay": ({"site_id": "{site}"}, (403, 404, 403, 404, 404)),
    "/desk/endpoints/x/ping": ({"site_id": "{site}"}, (403, 404, 403, 404, 404)),
    "/desk/people/invite": ({"email": "a@b.example", "role": "admin"}, (403, 403, 403, 403, 303)),
    "/desk/people/x/role": ({"site_id": "{site}", "role": "senior"}, (403, 403, 403, 403, 404)),
    "/desk/people/x/disable": ({}, (403, 403, 403, 403, 404)),
}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_its_cells_of_the_table_and_no_other(desk, role):
    with desk.database.writing() as session:
        other = sites.open_site(session, name="Other", slug="other", now=datetime.now(UTC))
    comment = desk.add_comment()
    more = {"is_admin": True} if role == "admin" else {"role": role.split()[0]}
    if role == "moderator elsewhere":
        more["site_id"] = other.id
    visitor, place = desk.client_of(desk.add_person("Eva", **more)), ROLES.index(role)
    found, expected = {}, {}

    for address, statuses in GETS.items():
        expected[address] = statuses[place]
        found[address] = visitor.get(address.format(comment=comment.id)).status_code
    visitor.get("/desk/keys")
    for address, (form, statuses) in POSTS.items():
        expected[f"POST {address}"] = statuses[place]
        sent = {name: value.format(site=desk.site.id) for name, value in form.items()}
        found[f"POST {address}"] = visitor.post(address.format(comment=comment.id), sent).status_code

    assert found == expected
    assert desk.status_of(comment) == "held"
