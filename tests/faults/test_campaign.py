"""A short share of the crash campaign; ``make crash`` runs as many cycles as wanted."""

from __future__ import annotations

import pytest

from tests.faults.campaign import Campaign, evidence, run_campaign, summary
from tests.faults.incidents import incidents_for
from tests.faults.stores import KINDS, VictimStore

_SEED = 4730


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_acknowledged_is_lost(kind: str) -> None:
    """Everything that can happen to a server and its store happens once."""
    store = VictimStore(kind)
    try:
        campaign = Campaign(store, _SEED)

        run_campaign(campaign, list(incidents_for(store)))

        assert not campaign.ledger.violations, evidence(campaign)
        assert campaign.ledger.totals.acknowledged > 0, summary(kind, campaign, 0.0)
    finally:
        store.remove()
