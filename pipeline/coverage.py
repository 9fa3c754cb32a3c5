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
    received = contacts[["received_at", "channel"]]
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


def name_gaps(contact_months: pd.DataFrame) -> str:
    """Return where the contacts of all channels have their gaps, for a message: the spells of months without any, else the emptiest month."""
    months = contact_months[contact_months["channel"] == "all"].sort_values("month", ignore_index=True)
    empty = months.loc[months["n_contacts"] == 0, "month"].dt.to_period("M")
    if empty.empty:
        return f"The emptiest month is {months.loc[months['share_of_median'].idxmin(), 'month']:%Y-%m}."
    ends = pd.concat([empty[empty.diff() != pd.offsets.MonthEnd(1)].reset_index(drop=True), empty[empty.diff(-1) != pd.offsets.MonthEnd(-1)].reset_index(drop=True)], axis=1)
    spells = [f"{first}" if first == last else f"{first} to {last}" for first, last in ends.itertuples(index=False)]
    return f"Months without any: {', '.join(spells)}."


def count_referral_months(referrals: pd.DataFrame, referrals_from: date, referrals_to: date) -> pd.DataFrame:
    """Return one row per month from `referrals_from` to `referrals_to`: month (its first day), n_referrals."""
    months = pd.period_range(referrals_from, referrals_to, freq="M")
    referred = referrals["referred_on"].dt.to_period("M").value_counts().reindex(months, fill_value=0)
    return pd.DataFrame({"month": months.to_timestamp(), "n_referrals": referred.to_numpy("int64")})


def follow_references(referrals: pd.DataFrame, contacts: pd.DataFrame, exits: pd.DataFrame, contact_types: pd.DataFrame) -> pd.DataFrame:
    """Return one row per id or code that refers elsewhere: reference (which), is_known (whether it is found there).

    References are duplicate_of (to another contact; a contact marked as its own copy is not found), exit_client,
    exit_nominal, and contact_code (each code that occurs, to the lookup `contact_types`).
    """
    with duckdb.connect(config={"threads": 1}) as con:
        con.register("referrals", referrals[["client_id"]])
        con.register("contacts", contacts[["contact_id", "duplicate_of", "nominal_id", "opening_code", "closing_code"]])
        con.register("exits", exits[["client_id", "nominal_id"]])
        con.register("contact_types", contact_types[["code"]])
        return con.sql(REFERENCES).df()


REFERENCES = """
select 'duplicate_of' as reference, duplicate_of <> contact_id and duplicate_of in (select contact_id from contacts where contact_id is not null) as is_known
from contacts where duplicate_of is not null
union all
select 'exit_client', client_id in (select client_id from referrals where client_id is not null) from exits where client_id is not null
union all
select 'exit_nominal', nominal_id in (select nominal_id from contacts where nominal_id is not null) from exits where nominal_id is not null
union all
select 'contact_code', code in (select code::varchar from contact_types)
from (select opening_code as code from contacts union select closing_code from contacts) where code is not null
order by all
"""
