"""Coverage: small tables that show where extracts have gaps, because a gap looks like success.

Each is a table with a suite of its own in expectations/, so that what counts as a gap stands there.
"""

from datetime import date

import duckdb
import pandas as pd


def count_contact_months(contacts: pd.DataFrame, covered_from: date, covered_to: date) -> pd.DataFrame:
    """Return one row per channel ("all" for all together) and month that touches the days `covered_from` to `covered_to`.

    Columns: channel, month (its first day), n_contacts, contacts_per_day (over the covered days of the month),
    share_of_median (contacts_per_day over its median across the channel's months), gap_contacts (how many
    contacts the longest spell of days without any would hold at that median).
    """
    received = contacts[["received_at", "channel"]]  # noqa: F841 (read by DuckDB)
    with duckdb.connect(config={"threads": 1}) as con:
        con.register("received", received)
        return con.execute(CONTACT_MONTHS, {"covered_from": covered_from, "covered_to": covered_to}).df()


CONTACT_MONTHS = """
with days as (
    select unnest(generate_series($covered_from::date, $covered_to::date, interval 1 day))::date as day
), counted as (
    select received_at::date as day, channel, count(*) as n from received
    where received_at::date between $covered_from and $covered_to group by all
), by_channel as (
    select day, channel, n from counted where channel is not null
    union all
    select day, 'all' as channel, sum(n) as n from counted group by day
), channel_days as (
    select channels.channel, days.day, date_trunc('month', days.day)::timestamp as month, coalesce(n, 0) as n
    from days cross join (select distinct channel from by_channel union select 'all') channels
    left join by_channel on by_channel.day = days.day and by_channel.channel = channels.channel
), empty_days as (
    -- Neighbouring empty days share one `spell`: their date less their rank among the empty days stays the same.
    select channel, month, day - row_number() over (partition by channel, month order by day)::int as spell
    from channel_days where n = 0
), gaps as (
    select channel, month, max(n_days) as gap_days
    from (select channel, month, spell, count(*) as n_days from empty_days group by all) group by all
), months as (
    select channel, month, sum(n)::bigint as n_contacts, sum(n) / count(*) as contacts_per_day from channel_days group by all
), medians as (
    select channel, median(contacts_per_day) as per_day from months group by channel
)
select channel, month, n_contacts, contacts_per_day,
    case when per_day > 0 then contacts_per_day / per_day else 0 end as share_of_median,
    coalesce(gap_days, 0) * per_day as gap_contacts
from months join medians using (channel) left join gaps using (channel, month)
order by channel, month
"""


def count_referral_months(referrals: pd.DataFrame, referrals_from: date, referrals_to: date) -> pd.DataFrame:
    """Return one row per month from `referrals_from` to `referrals_to`: month (its first day), n_referrals."""
    months = pd.period_range(referrals_from, referrals_to, freq="M")
    referred = referrals["referred_on"].dt.to_period("M").value_counts().reindex(months, fill_value=0)
    return pd.DataFrame({"month": months.to_timestamp(), "n_referrals": referred.to_numpy("int64")})


def follow_references(referrals: pd.DataFrame, contacts: pd.DataFrame, exits: pd.DataFrame, contact_types: pd.DataFrame) -> pd.DataFrame:
    """Return one row per id or code that refers elsewhere: reference (which), is_known (whether it is found there).

    References are duplicate_of (to another contact), exit_client, exit_nominal, and contact_code (each code
    that occurs, to the lookup `contact_types`).
    """
    # A contact marked as its own copy is a reference to nothing, like one to a missing contact.
    copies = contacts["duplicate_of"].where(contacts["duplicate_of"] != contacts["contact_id"], "").where(contacts["duplicate_of"].notna())
    codes = pd.concat([contacts["opening_code"], contacts["closing_code"]]).drop_duplicates()
    return pd.concat(
        [
            follow_reference("duplicate_of", copies, contacts["contact_id"]),
            follow_reference("exit_client", exits["client_id"], referrals["client_id"]),
            follow_reference("exit_nominal", exits["nominal_id"], contacts["nominal_id"]),
            follow_reference("contact_code", codes, contact_types["code"].astype("str")),
        ],
        ignore_index=True,
    )


def follow_reference(reference: str, ids: pd.Series, known: pd.Series) -> pd.DataFrame:
    """Return one row per id in `ids` that is not missing: the name of the `reference`, and whether `known` holds the id."""
    given = ids.dropna()
    return pd.DataFrame({"reference": pd.Series(reference, index=given.index, dtype="str"), "is_known": given.isin(known).astype("bool")})
