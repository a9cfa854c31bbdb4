"""A fake server for SAM.gov's Contract Awards API, from GSA's page on it, as strict as that says.

Facts: `_apidocs/contract-awards.md` of GSA/open-gsa-redesign (v1.0): parameters, operators, limits, "HTTP Response
Codes" with their texts, examples 1 to 6 for the shapes. From those who have called it: refusals count against the
quota; `format` needs `emailId`, which is yes or no; a file that is not ready may also show as 303 or as S3's "The
specified key does not exist"; the shape of the 429. Measured in 2026 (1102-sam): a search that finds nothing has status
200 and its counts in awardResponse; too large a limit is answered by a bare JSON string with status 200, a bad key by
`<h1>API_KEY_INVALID</h1>`; totalRecords is text or a number; a list with ~ found the rows of its first value alone, of
one parameter at least. Nobody has written down the text with which forbidden characters are refused: the one here is
made up.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from tests.upstreams.faults import Faulty
from tests.upstreams.server import HTML_TYPE, Answer, FakeServer, LoggedRequest, Refusal, json_answer

Json = dict[str, Any]
DATA = Path(__file__).parents[1] / "data" / "sam"
KEY = "test-key-0123456789"
SEARCH, DOWNLOAD = "/contract-awards/v1/search", "/contract-awards/v1/download"
HELP = "Please refer to https://open.gsa.gov/api/contract-awards/ for a list of allowable search parameters."
DATES_HELP = "Any Date parameter must be provided in the MM/DD/YYYY or [MM/DD/YYYY,MM/DD/YYYY] format."
XML = b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchKey</Code><Message>The specified key does not exist.'
PARAMETERS = frozenset((DATA / "contract_awards_parameters.txt").read_text("utf-8").split())
DATES = frozenset(name for name in PARAMETERS if name.endswith("Date")) | {"dateSigned"}
LISTS = {
    "awardeeUniqueEntityId": "Unique Entity IDs",
    "ultimateParentUniqueEntityId": "Parent Unique Entity IDs",
    "consortiaUEI": "Consortia Unique Entity IDs",
    "awardeeCageCode": "CAGE Codes",
    "productOrServiceCode": "Product or Service Codes",
    "naicsCode": "NAICS Codes",
}
DATE_RANGE = re.compile(r"(?:(\d\d/\d\d/\d{4})|\[(\d\d/\d\d/\d{4})?,(\d\d/\d\d/\d{4})?\])")
UEIS = "awardDetails.awardeeData.awardeeUEIInformation"
PLACES = {
    "awardeeLegalBusinessName": "awardDetails.awardeeData.awardeeHeader.legalBusinessName",
    "awardeeUniqueEntityId": f"{UEIS}.uniqueEntityId",
    "ultimateParentUniqueEntityId": f"{UEIS}.awardeeUltimateParentUniqueEntityId",
    "contractingDepartmentCode": "coreData.federalOrganization.contractingInformation.contractingDepartment.code",
    "dateSigned": "awardDetails.dates.dateSigned",
    "lastModifiedDate": "awardDetails.transactionData.lastModifiedDate",
}
FUNDING = "coreData.federalOrganization.fundingInformation.fundingDepartment.code"
NO_FILTERS = frozenset({"api_key", "limit", "offset", "format", "emailId", "includeSections", "deletedStatus"})


def at(record: Json, place: str) -> str:
    """What stands in a record at a dotted place, "" if nothing."""
    value: Any = record
    for name in place.split("."):
        value = value.get(name, {}) if isinstance(value, dict) else {}
    return value if isinstance(value, str) else ""


def refused(message: str, detail: str = "", status: int = 400) -> Refusal:
    """A refusal in SAM.gov's shape."""
    return Refusal(status, {"message": message, "detail": detail})


def wire(record: Json) -> bytes:
    """A record as it is sent."""
    return json.dumps(record, ensure_ascii=False).encode()


@dataclass(kw_only=True)
class Export:
    """A file that was asked for: its records, and how often it was asked for in vain."""

    records: Sequence[Json]
    tries: int = 0


class FakeSamContractAwards(FakeServer):
    """SAM.gov's contract awards: `records` and `deleted`, as of `today`, for one key with `requests_per_day` requests.

    `ready_after`: how often a file is asked for before it is there; `not_ready`: how that shows ("400", "303", "s3",
    "s3 as 200"). `packing`: "", "zip" or "gzip". `nothing`: how no rows show ("200": counts in awardResponse, "204",
    "odd": in another shape, and for an extract "message"). `wrong_status`: how errors show that come with status 200
    ("html", "string", "text"; "": with a status of their own). `reads_header`: the key is read from its header, too.
    `counts_records`: an offset counts records. `first_of_list`: of values with ~ between them the first one counts.
    `as_numbers`: counts are no text. `wrong` names an assumption of the adapter's that does not hold.
    """

    def __init__(self, records: Sequence[Json] = (), deleted: Sequence[Json] = (), *, wrong: str = "") -> None:
        self.records, self.deleted = list(records), list(deleted)
        self.key, self.requests_per_day, self.used = KEY, 10, 0
        self.today = date(2026, 11, 23)
        self.ready_after, self.not_ready, self.packing = 0, "400", ""
        self.nothing = "odd" if wrong == "empty-search-shape" else "200"
        self.wrong_status, self.reads_header = "", wrong != "header-key"
        self.counts_records = wrong == "offset-counts-pages"
        self.first_of_list = self.as_numbers = False
        self.most_extracted = 1_000_000
        self.exports: dict[str, Export] = {}
        super().__init__()

    def asked(self, path: str) -> list[dict[str, str]]:
        """The parameters of every request for a path, in order."""
        found = (urlsplit(request.path) for request in self.requests)
        return [dict(parse_qsl(url.query)) for url in found if url.path == path]

    @property
    def submissions(self) -> list[dict[str, str]]:
        """The parameters of every extract that was asked for."""
        return [parameters for parameters in self.asked(SEARCH) if "format" in parameters]

    def expire(self) -> None:
        """Let all tokens expire."""
        with self.paused():
            self.exports.clear()

    def answer(self, request: LoggedRequest) -> Answer:
        """Answer as the API does: key, quota, path, parameters, rows."""
        url = urlsplit(request.path)
        parameters = parse_qsl(url.query, keep_blank_values=True)
        try:
            header = request.headers.get("x-api-key") if self.reads_header else ""
            self._admit(header or dict(parameters).get("api_key", ""))
            if request.method != "GET" or url.path not in (SEARCH, DOWNLOAD):
                raise refused("Not Found", status=404)
            given = dict(parameters)
            return self._download(given.get("token", "")) if url.path == DOWNLOAD else self._search(given)
        except Refusal as refusal:
            if self.wrong_status:
                return self._with_wrong_status(refusal)
            if refusal.status == 429:
                midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0) + timedelta(days=1)
                seconds = int((midnight - datetime.now(UTC)).total_seconds()) + 1
                return Answer(status=429, body=refusal.answer.body, headers={"Retry-After": str(seconds)})
            return refusal.answer

    def _with_wrong_status(self, refusal: Refusal) -> Answer:
        said = {429: "OVER_RATE_LIMIT", 403: "API_KEY_INVALID"}.get(refusal.status)
        text = str((refusal.content or {}).get("message", said))
        if self.wrong_status == "html":
            return Answer(body=f"<h1>{said or text}</h1>".encode(), content_type=HTML_TYPE)
        return json_answer(text) if self.wrong_status == "string" else Answer(body=text.encode())

    def _admit(self, key: str) -> None:
        if not key:
            raise refused("No API Key was supplied. Please submit with a valid API key.", status=403)
        if key != self.key:
            raise refused("An invalid API key was supplied. Please submit with a valid API key.", status=403)
        if self.used >= self.requests_per_day:
            text = "You have exceeded your quota. You can access API after 2026-Nov-24 00:00:00+0000 UTC"
            raise Refusal(429, {"code": "900804", "message": "Message throttled out", "description": text})
        self.used += 1

    def _search(self, given: dict[str, str]) -> Answer:
        if self.first_of_list:
            given = {name: value.partition("~")[0] for name, value in given.items()}
        if given.get("limit", "").isdecimal() and int(given["limit"]) > 100:
            return json_answer('Max value allowed for parameter "limit" is 100')
        check(given)
        found = list(self._matching(given))
        if "format" in given:
            return self._submit(found)
        limit, offset = int(given.get("limit", 10)), int(given.get("offset", 0))
        start = offset if self.counts_records else offset * limit
        rows = [sections(record, given) for record in found[start : start + limit]]
        if not found:
            return self._nothing(str(limit), str(offset))
        counts = {"totalRecords": str(len(found)), "limit": str(limit), "offset": str(offset)}
        if self.as_numbers:
            return json_answer({"awardSummary": rows, **{name: int(value) for name, value in counts.items()}})
        return json_answer({"awardSummary": rows, **counts})

    def _nothing(self, limit: str, offset: str) -> Answer:
        if self.nothing == "204":
            return Answer(status=204)
        if self.nothing == "odd":
            return Answer(body=b'{"noRecords": true}')
        zero: object = 0 if self.as_numbers else "0"
        counts = {"totalRecords": zero, "limit": limit, "offset": offset}
        return json_answer({"awardResponse": counts, "message": "No Data found for the search."})

    def _matching(self, given: Mapping[str, str]) -> Iterator[Json]:
        for record in self.deleted if given.get("deletedStatus") == "yes" else self.records:
            if self._is_revealed(record) and all(
                matches(record, name, value) for name, value in given.items() if name not in NO_FILTERS
            ):
                yield record

    def _is_revealed(self, record: Json) -> bool:
        departments = {at(record, PLACES["contractingDepartmentCode"]), at(record, FUNDING)}
        signed = date.fromisoformat(at(record, PLACES["dateSigned"])[:10])
        return departments != {"9700"} or signed <= self.today - timedelta(days=90)

    def _submit(self, found: Sequence[Json]) -> Answer:
        if len(found) > self.most_extracted:
            raise refused(
                f"Total Number of Records: {len(found):,} exceeded the maximum allowable limit: 1,000,000. Please"
                " provide a suitable search parameter to refine your search.",
                "Count Exceeded Error",
            )
        if not found:
            message = json_answer({"presignedUrl": None, "message": "No Data found for the search."})
            return message if self.nothing == "message" else self._nothing("10", "null")
        token = f"vAmxTSwqtm{len(self.exports)}"
        self.exports[token] = Export(records=found)
        return json_answer(
            {
                "presignedUrl": f"https://api.sam.gov{DOWNLOAD}?api_key=REPLACE_WITH_API_KEY&token={token}",
                "exportToken": token,
                "message": "File generation is in progress. Download link will be emailed once ready.",
            }
        )

    def _download(self, token: str) -> Answer:
        export = self.exports.get(token)
        if export is None:
            raise refused("The requested JSON or CSV file token is expired.", "Please verify the token number.")
        export.tries += 1
        if export.tries > self.ready_after:
            return self._file(export)
        match self.not_ready:
            case "303":
                return Answer(status=303, body=b"See Other")
            case "s3":
                return Answer(status=404, body=XML, content_type="application/xml")
            case "s3 as 200":
                return Answer(body=XML, content_type="application/xml")
        text = "The requested JSON or CSV file is not generated yet. Please try again later."
        raise Refusal(400, {"message": text, "details": "Larger files will take some time to process."})

    def _file(self, export: Export) -> Answer:
        head = {"limit": "10", "offset": "null", "totalRecords": str(len(export.records))}
        body = b",\n".join(wire(record) for record in export.records)
        whole = wire(head)[:-1] + b', "awardSummary": [\n' + body + b"\n]\n}"
        if self.packing == "zip":
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("ContractData.json", whole)
            return Answer(body=packed.getvalue(), content_type="application/zip")
        if self.packing == "gzip":
            return Answer(body=gzip.compress(whole), content_type="application/octet-stream")
        return Answer(body=whole, content_type="application/octet-stream")


def check(given: Mapping[str, str]) -> None:
    """Refuse what the API refuses. Raises `Refusal`."""
    for name, value in given.items():
        if name not in PARAMETERS:
            raise refused(f"The search parameter, {name} does not exist.", HELP)
        if re.search(r"[&|{}^\\]", value):
            raise refused(f"The search parameter, {name} holds a character that is not allowed.")
        if name in DATES:
            check_date(value)
        if name in LISTS and value.count("~") >= 100:
            raise refused(
                f"More than 100 {LISTS[name]} are not allowed.", f"Please limit the number of {LISTS[name]} to 100."
            )
    check_format(given)
    check_paging(given)


def check_date(value: str) -> None:
    """Refuse what is no day or range of days. Raises `Refusal`."""
    form = DATE_RANGE.fullmatch(value)
    try:
        days = [datetime.strptime(day, "%m/%d/%Y") for day in form.groups() if day] if form else []  # noqa: DTZ007
    except ValueError:
        days = []
    if not days:
        raise refused("Dates must be specified in the MM/DD/YYYY or [MM/DD/YYYY,MM/DD/YYYY] format.", DATES_HELP)


def check_format(given: Mapping[str, str]) -> None:
    """Refuse `format` and `emailId` that do not go together. Raises `Refusal`."""
    if "emailId" in given and "format" not in given:
        raise refused(
            "The search parameter 'emailId' must be provided in conjunction with the search parameter 'format'."
        )
    if "format" in given and "emailId" not in given:
        raise refused("Parameters 'format' and 'emailId' must both be supplied to request a file.")
    if given.get("emailId", "no").lower() not in ("yes", "no") or given.get("format", "json").lower() not in (
        "json",
        "csv",
    ):
        raise refused("emailId must be YES or NO, format JSON or CSV.")


def check_paging(given: Mapping[str, str]) -> None:
    """Refuse pages that are too large or too far. Raises `Refusal`."""
    limit, offset = given.get("limit", "10"), given.get("offset", "0")
    if not (limit.isdecimal() and offset.isdecimal()) or int(limit) > 100:
        raise refused("The max value allowed for parameter 'limit' is 100.")
    if int(limit) * int(offset) > 400_000:
        raise refused(
            "You may only page through the first 400,000 records. Any request where 'offset' x 'limit' is greater than"
            " 400,000 will be rejected."
        )


def matches(record: Json, name: str, value: str) -> bool:
    """Whether a record is what a filter asks for."""
    if name not in PLACES:
        raise Refusal(501, {"message": f"the fake server has no filter {name}"})
    held = at(record, PLACES[name])
    if name in DATES:
        form = DATE_RANGE.fullmatch(value)
        assert form
        single, since, until = (form[n] and datetime.strptime(form[n], "%m/%d/%Y").date() for n in (1, 2, 3))  # noqa: DTZ007
        day = date.fromisoformat(held[:10])
        return bool(day == single if single else (since or day) <= day <= (until or day))
    if name.endswith("Name"):
        return value.upper() in held.upper()
    return held in value.split("~")


def sections(record: Json, given: Mapping[str, str]) -> Json:
    """A record with the sections that were asked for."""
    wanted = given["includeSections"].split(",") if "includeSections" in given else list(record)
    return {name: value for name, value in record.items() if name in wanted}


class FaultySamContractAwards(Faulty, FakeSamContractAwards):
    """SAM.gov's contract awards, failing."""

    renaming: ClassVar[tuple[bytes, bytes]] = (b'"awardSummary"', b'"awards"')
