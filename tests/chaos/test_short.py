"""The short form of `make chaos`: real processes under load, one thing broken at a time, nothing lost."""

from __future__ import annotations

import pytest

from tests.chaos.__main__ import run
from tests.chaos.faults import FAULTS
from tests.chaos.servers import Missing
from tests.chaos.stage import stage

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def broken_stage():
    try:
        with stage(small_disk=False, lease_seconds=8) as made:
            yield made
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.mark.xdist_group("chaos")
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.short], ids=lambda fault: fault.name)
def test_nothing_is_lost_doubled_or_out_of_order(broken_stage, fault):
    row = run(fault, broken_stage, seed=1, margin=1.5)

    assert row.wrong == []
    assert row.found.sent > 0
    assert row.skipped == ""
