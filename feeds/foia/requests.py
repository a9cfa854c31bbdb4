"""What a request asks for, by what it is about. Each asks for records "sufficient to show" where all would be too many.

`{vendor}` is replaced by whose product it is, `{recipient}` by who is paid.
"""

from __future__ import annotations

_USE = (
    "Privacy threshold analyses, privacy impact assessments, system of records notices and civil-rights or "
    "artificial-intelligence impact assessments, drafts aside, that cover the use of what was bought.",
    "Policies, standard operating procedures, rules of behavior, training materials and retention schedules that "
    "govern its use, and agreements or memoranda under which other agencies have access to it or to its results.",
    "Records sufficient to show how it has been used: the number of users and their offices, and the number of "
    "searches or deployments by month; and audit logs, audit reports and records of misuse. I do not ask for what "
    "was searched for or for names of private persons; please redact those.",
    "Results of tests, pilots and evaluations of its accuracy, effectiveness or bias, and the authorization to "
    "operate.",
)

_CONTRACT = (
    "The contract, order or agreement with all attachments, schedules and exhibits, and every modification named "
    "above.",
    "The statement of work, performance work statement or statement of objectives, and the requirements documents and "
    "specifications it rests on.",
    "The justification and approval, limited-sources justification or fair-opportunity exception, market research, and "
    "the determination that the price is fair and reasonable.",
    "The quotation or proposal that was accepted, the price list, and the license terms, terms of service and "
    "data-rights terms of {vendor}.",
    "Invoices, receiving reports and records of payment, and records sufficient to show the number of licenses, "
    "units or searches delivered and their unit prices.",
)

_IDV = (
    "The agreement with all attachments, ordering guides, price lists and every modification named above.",
    "Records sufficient to show every order placed under it: number, date, ordering office, what was ordered and "
    "amount.",
    *_CONTRACT[1:4],
)

_GRANT = (
    "The award document with its terms and conditions, and every amendment named above.",
    "The application that was funded, with its project narrative, budget and budget narrative.",
    "Performance and financial reports, and records sufficient to show the equipment, software and services of "
    "{vendor} that were bought with it: what, from whom, when and for how much.",
    "Approvals of, and conditions on, the purchase of surveillance technology with it, and monitoring or audit "
    "reports.",
    *_USE[:2],
)

_NOTICE = (
    "The notice with all attachments and amendments, including any that access was controlled to.",
    "The statement of work, performance work statement or statement of objectives, and the requirements documents.",
    "The justification and approval, sole-source justification or fair-opportunity exception, and market research.",
    "Questions from vendors and the answers, and records sufficient to show who responded, and when.",
    "Any contract, order or modification that resulted, with its attachments, or the decision to cancel.",
    *_USE,
)

_SUBAWARD = (
    "The prime award named above with its statement of work, and every modification that concerns the subaward.",
    "Subcontracting plans, requests for and records of consent to subcontract, and reports of the subaward.",
    "The subaward or subcontract agreement, its statement of work and its price, as far as the agency holds them.",
    "Deliverables, invoices and reports that show what {recipient} supplied.",
    *_USE,
)

_USE_CASE = (
    "The agency's entry for this use case in the inventory of artificial-intelligence use cases, as submitted, and any "
    "later correction.",
    "The AI impact assessment, the determination whether it is high-impact, and any waiver or extension with its "
    "reasons.",
    "Every contract, order or license agreement under which it was obtained, with statements of work and prices.",
    "Minutes and decisions of the body that governs AI at the agency, as far as they concern this use case.",
    *_USE,
)

_DOCUMENT = (
    "The document's final signed version and the supporting records that it cites.",
    "Comments received and the agency's analysis of them.",
    "Every contract, order or agreement for the technology or service it describes, with statements of work.",
    *_USE,
)

_ASKS = {
    "idv": (*_IDV, *_USE),
    "other-transaction-idv": (*_IDV, *_USE),
    "assistance": _GRANT,
    "notice": _NOTICE,
    "subaward": _SUBAWARD,
    "use-case": _USE_CASE,
    "document": _DOCUMENT,
}

_SHORT = {
    "assistance": "the award with amendments; application and budget; performance and financial reports; records of "
    "surveillance technology bought with it; privacy assessments; policies on use",
    "notice": "the notice with attachments and amendments; statement of work; justification for other than full and "
    "open competition; market research; questions and answers; the resulting contract; privacy "
    "assessments; policies on use",
    "use-case": "the inventory entry as submitted; AI impact assessment and waivers; contracts and prices; privacy "
    "assessments; policies on use; test results; audit records",
}
_SHORT_CONTRACT = (
    "the contract or order with attachments and modifications; statement of work; justification and approval; "
    "quotation and license terms; invoices; privacy assessments; policies and training; audit logs and numbers of "
    "uses; test results"
)


def asks_for(category: str, *, vendor: str, recipient: str) -> tuple[str, ...]:
    """Return the records to ask for about a record of this category, a sentence each."""
    names = {"{vendor}": vendor, "{recipient}": recipient}
    return tuple(_filled(ask, names) for ask in _ASKS.get(category, (*_CONTRACT, *_USE)))


def short_asks_for(category: str) -> str:
    """Return the same in one clause, for where there is little room."""
    return _SHORT.get(category, _SHORT_CONTRACT)


def _filled(ask: str, names: dict[str, str]) -> str:
    # Not str.format: a name may hold braces.
    for placeholder, name in names.items():
        before, found, after = ask.partition(placeholder)
        if found:
            # A name that ends in a full stop is not to end a sentence twice.
            return before + (name.removesuffix(".") if after.startswith(".") else name) + after
    return ask
