"""Later referrals of comparison people: taken off by hand, inventing nothing, and less biased than either plain way."""

import numpy as np
import pytest

from pipeline.later_referral import nested_ratio


def test_the_effect_is_recovered_by_hand():
    """The referred made 60 contacts. The comparison made 80 before any referral of their own and 10 after one.
    At theta = 0.625 those 10 would have been 16 and all together 96, of which 60 is 0.625."""
    assert nested_ratio(np.log(60 / 90), 1 / 9) == pytest.approx(50 / 80)
    assert 0.625 * (80 + 10 / 0.625) == pytest.approx(60)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_no_effect_stays_none_whatever_the_share(share):
    assert nested_ratio(0.0, share) == pytest.approx(1.0)


def test_without_later_referrals_nothing_changes_and_too_many_give_no_number():
    assert nested_ratio(np.log(0.7), 0.0) == pytest.approx(0.7)
    assert np.isnan(nested_ratio(np.log(0.3), 0.4))
