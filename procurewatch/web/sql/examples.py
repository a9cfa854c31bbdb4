"""Example queries in SQL. Each has a page, CSV and JSON; docs/querying-sql.md lists them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExampleQuery:
    """An example query: `name` is the end of its URL, `note` says how to read it.

    `note` also gives the defaults of its `:parameters`.
    """

    name: str
    title: str
    note: str
    sql: str


EXAMPLES = (
    ExampleQuery(
        "who-sells",
        "Who sells face recognition to DHS?",
        "Vendors, recipients and buying agencies. Default category: face-recognition. "
        "Default department: 070 (Homeland Security).",
        """
select
  m.vendor_name as vendor,
  a.recipient_name as seller,
  a.sub_agency_name as bought_by,
  count(distinct m.record_key) as awards,
  round(sum(m.obligation), 2) as obligated,
  min(m.signed) as first_signed,
  max(m.signed) as last_signed
from matched_actions as m
join awards as a on a.record_key = m.record_key
where m.entry_kind = 'vendor'
  and m.category = coalesce(nullif(:category, ''), 'face-recognition')
  and a.agency_code = coalesce(nullif(:department, ''), '070')
group by m.vendor_name, a.recipient_name, a.sub_agency_name
order by obligated desc
""",
    ),
    ExampleQuery(
        "de-obligated",
        "What was de-obligated last year?",
        "De-obligations, largest first. Default since: twelve months before the newest action.",
        """
select
  c.signed,
  c.obligation,
  a.recipient_name as recipient,
  a.sub_agency_name as bought_by,
  a.piid,
  c.modification,
  c.action_type_text as reason,
  c.description,
  a.record_key,
  a.official_page
from actions as c
join awards as a on a.record_key = c.record_key
where c.obligation < 0
  and exists (select 1 from matched_actions as m where m.action_key = c.action_key)
  and c.signed >= coalesce(nullif(:since, ''), (select date(max(signed), '-12 months') from actions))
order by c.obligation
""",
    ),
    ExampleQuery(
        "earliest-awards",
        "What is each agency's earliest award on record for a vendor?",
        "The earliest stored award of each vendor and agency, newest first. Earlier awards may not be stored.",
        """
select agency, vendor, first_signed, recipient, obligated, description, record_key, official_page
from (
  select
    a.sub_agency_name as agency,
    m.vendor_name as vendor,
    a.signed as first_signed,
    a.recipient_name as recipient,
    a.obligated,
    a.description,
    a.record_key,
    a.official_page,
    row_number() over (partition by a.sub_agency_code, m.vendor_id order by a.signed, a.record_key) as place
  from matches as m
  join awards as a on a.record_key = m.record_key
  where m.entry_kind = 'vendor'
    and a.signed between '1940-01-01' and date('now', '+366 days')
) as ordered
where place = 1
order by first_signed desc, agency, vendor
""",
    ),
    ExampleQuery(
        "spending-by-year",
        "How much is obligated per fiscal year and vendor?",
        "Obligations by vendor, without topics. An award that matches two vendors counts for both.",
        """
select
  fiscal_year,
  vendor_name as vendor,
  category,
  count(distinct record_key) as awards,
  round(sum(obligation), 2) as obligated
from matched_actions
where entry_kind = 'vendor'
  and fiscal_year is not null
group by fiscal_year, vendor_name, category
order by fiscal_year desc, obligated desc
""",
    ),
    ExampleQuery(
        "technology-by-agency",
        "Which agencies bought phone-unlocking tools, and for how much?",
        "Obligations by fiscal year and agency, each action counted once. Default category: device-forensics. "
        "Default year: all.",
        """
select
  c.fiscal_year,
  a.agency_name as department,
  a.sub_agency_name as agency,
  count(distinct c.record_key) as awards,
  round(sum(c.obligation), 2) as obligated
from actions as c
join awards as a on a.record_key = c.record_key
where c.action_key in (
    select action_key from matched_actions
    where category = coalesce(nullif(:category, ''), 'device-forensics')
  )
  and c.fiscal_year = coalesce(cast(nullif(:year, '') as integer), c.fiscal_year)
group by c.fiscal_year, a.agency_name, a.sub_agency_name
order by c.fiscal_year desc, obligated desc
""",
    ),
    ExampleQuery(
        "resellers",
        "Through whom are vendors bought?",
        "Recipients that sell another company's products.",
        """
select
  a.recipient_name as reseller,
  a.recipient_uei as uei,
  m.vendor_name as vendor,
  count(distinct m.record_key) as awards,
  round(sum(m.obligation), 2) as obligated,
  max(m.signed) as last_signed
from matched_actions as m
join awards as a on a.record_key = m.record_key
where m.entry_kind = 'vendor'
  and m.via_reseller = 1
group by a.recipient_name, a.recipient_uei, m.vendor_name
order by obligated desc
""",
    ),
    ExampleQuery(
        "what-is-new",
        "What is new?",
        "The newest published events and their vendors.",
        """
select
  e.first_seen,
  e.kind,
  e.amount,
  e.signed,
  (
    select group_concat(m.vendor_name, '; ') from matches as m
    where m.record_key = e.record_key and m.entry_kind = 'vendor'
  ) as vendors,
  a.recipient_name as recipient,
  a.sub_agency_name as bought_by,
  a.description,
  e.record_key,
  a.official_page
from events as e
join awards as a on a.record_key = e.record_key
order by e.first_seen desc, e.signed desc
limit 200
""",
    ),
)
