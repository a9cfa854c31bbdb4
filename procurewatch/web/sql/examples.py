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
        "Each vendor, who is paid, and which part of the department buys. category: face-recognition if left empty; "
        "department: 070, Homeland Security, if left empty.",
        """
select
  m.vendor_name as vendor,
  a.recipient_name as seller,
  a.sub_agency_name as bought_by,
  count(*) as awards,
  round(sum(a.obligated), 2) as obligated,
  min(a.signed) as first_signed,
  max(a.signed) as last_signed
from matches as m
join awards as a on a.record_key = m.record_key
where m.category = coalesce(nullif(:category, ''), 'face-recognition')
  and a.agency_code = coalesce(nullif(:department, ''), '070')
group by m.vendor_name, a.recipient_name, a.sub_agency_name
order by obligated desc
""",
    ),
    ExampleQuery(
        "de-obligated",
        "What was de-obligated last year?",
        "Money that was taken back, the most first. since: twelve months before the newest action, if left empty.",
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
  and c.signed >= coalesce(nullif(:since, ''), (select date(max(signed), '-12 months') from actions))
order by c.obligation
""",
    ),
    ExampleQuery(
        "first-purchases",
        "What did each agency buy first?",
        "The first award of each vendor to each part of a department that is stored here, newest first. Earlier ones "
        "may not have been asked for.",
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
  where a.signed is not null
) as ordered
where place = 1
order by first_signed desc, agency, vendor
""",
    ),
    ExampleQuery(
        "spending-by-year",
        "What is obligated in each fiscal year, to whom?",
        "What actions obligate, by the vendor that they concern. An award that concerns two vendors counts under both.",
        """
select
  c.fiscal_year,
  m.vendor_name as vendor,
  m.category,
  count(distinct c.record_key) as awards,
  round(sum(c.obligation), 2) as obligated
from actions as c
join matches as m on m.record_key = c.record_key
where c.fiscal_year is not null
group by c.fiscal_year, m.vendor_name, m.category
order by c.fiscal_year desc, obligated desc
""",
    ),
    ExampleQuery(
        "resellers",
        "Through whom are vendors bought?",
        "Companies that are paid for what somebody else makes.",
        """
select
  a.recipient_name as reseller,
  a.recipient_uei as uei,
  m.vendor_name as vendor,
  count(*) as awards,
  round(sum(a.obligated), 2) as obligated,
  max(a.signed) as last_signed
from matches as m
join awards as a on a.record_key = m.record_key
where m.via_reseller = 1
group by a.recipient_name, a.recipient_uei, m.vendor_name
order by obligated desc
""",
    ),
    ExampleQuery(
        "what-is-new",
        "What have feeds told lately?",
        "The newest events, with who they concern.",
        """
select
  e.first_seen,
  e.kind,
  e.amount,
  e.signed,
  m.vendor_name as vendor,
  a.recipient_name as recipient,
  a.sub_agency_name as bought_by,
  a.description,
  e.record_key,
  a.official_page
from events as e
join matches as m on m.record_key = e.record_key
join awards as a on a.record_key = e.record_key
order by e.first_seen desc, e.signed desc
limit 200
""",
    ),
)
