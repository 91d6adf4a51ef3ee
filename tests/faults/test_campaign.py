"""A short share of the crash campaign; ``make crash`` runs as many cycles as wanted."""

from __future__ import annotations

import pytest

from tests.faults.campaign import Campaign, evidence, run_campaign, summary
from tests.faults.incidents import incidents_for
from tests.faults.stores import VictimStore

_SEED = 4730


@pytest.mark.timeout(300)
def test_nothing_acknowledged_is_lost(store: VictimStore) -> None:
    """Everything that can happen to a server and its store happens once."""
    campaign = Campaign(store, _SEED)

    run_campaign(campaign, list(incidents_for(store)))

    assert not campaign.ledger.violations, evidence(campaign)
    assert campaign.ledger.totals.acknowledged > 0, summary(store.kind, campaign, 0.0)
