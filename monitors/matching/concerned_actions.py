"""Find the actions of an award that a match concerns. Pure. docs/matching.md states the rule and its reasons."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from functools import lru_cache

from monitors.normalize import normalize_text
from sources.records import Award, ContractAction

# Words of modifications that name nothing bought: the most frequent ones of 18,795 short descriptions of modifications
# (ICE and CBP, fiscal years 2021-2024), without those for goods and services. Words with a digit are left out, too.
_PROCEDURE = """
A ACCOUNTING ACOR ACTION ACTIONS ADD ADDED ADDING ADDITION ADDITIONAL ADDS ADJUST ADJUSTMENT ADM ADMIN ADMINISTRATIVE
AGREEMENT ALL ALLOW AMOUNT AN AND APPROVER AS AT AWARD BALANCE BASE BILATERAL BPA BY CALL CANCEL CANCELLATION CHANGE
CHANGES CLAUSE CLAUSES CLIN CLINS CLOSE CLOSED CLOSEOUT CLOSING CO COMPLETION CONTRACT CONTRACTING CONTRACTOR
CONVENIENCE COR CORRECT CORRECTION CORS COST COVER CR CS DATE DATES DAY DAYS DE DECREASE DEFINITIZE DELAYS DELIVERY DEOB
DEOBLIGATE DEOBLIGATED DEOBLIGATES DEOBLIGATION DEOBLIGATIONS DO DUE EACH EFFECTIVE END ERROR EXCESS EXECUTE EXERCISE
EXERCISED EXERCISES EXERCISING EXPIRED EXTEND EXTENDED EXTENDING EXTENDS EXTENSION FAR FINAL FIRST FOR FOUR FROM FULL
FULLY FUND FUNDED FUNDING FUNDS GOVERNMENT HEREBY I ID IDIQ II III IN INCORPORATE INCREASE INCREASING INCREMENTAL
INCREMENTALLY INVOICE IPP IS ISSUED IV LINE LINES MADE MOD MODIFICATION MODIFY MODS MONTH MONTHS MOVE N NAME NO NON NOT
NOVATION NUMBER O OA OB OBLIGATE OBLIGATED OBLIGATION OBLIGATIONS OF OFFICER ON ONE ONLY OP OPTION OPTIONAL OPTIONS OR
ORDER OTHER OUT OY PART PARTIAL PAYMENT PAYMENTS PER PERFORMANCE PERIOD PERIODS POC POP PR PRIOR PROCESS PROVIDE PURPOSE
QUANTITIES QUANTITY RATE REALIGN REALLOCATE REDUCE RELEASE REMAINDER REMAINING REMOVE REPRESENTATIVE REQUEST REVISE
REVISED S SCOPE SECOND SECTION SERVICE SERVICES SOURCE SOW STATEMENT SUPPORT SUPPORTS TASK TERM TERMINATE
TERMINATION THE THIRD THIS THREE THROUGH THRU TIME TO TOTAL TWO UNDER UNEXPENDED UNILATERAL UNSPENT UNTIL UNUSED UPDATE
UPDATED VENDOR WAGE WITH WITHIN WORK YEAR YEARS YR
"""
PROCEDURE_WORDS = frozenset(_PROCEDURE.split())
TEXT_CACHE_SIZE = 4096


def concerned_actions(award: Award, naming: Collection[str]) -> tuple[str, ...]:
    """Return the keys of the actions that a match by words in single actions concerns, in order of signing.

    `naming`: the keys of the actions with these words. A later action belongs to the one before it if its description
    names nothing else and its amount, in dollars, is not larger than that of the action with the words.
    """
    concerned: list[str] = []
    words: frozenset[str] = frozenset()
    limit: Decimal | None = None  # the amount of the latest action with the words, None if another matter came since
    for action in sorted(award.actions, key=lambda each: (each.signed or date.min, each.modification)):
        said = _matters(action.description)
        if action.key in naming:
            words, limit = words | said, _size(action)
        elif not said <= words:
            limit = None
        if limit is not None and (action.key in naming or _size(action) <= limit):
            concerned.append(action.key)
    return tuple(concerned)


@lru_cache(maxsize=TEXT_CACHE_SIZE)
def _matters(description: str) -> frozenset[str]:
    """Return the words of a description that may name what is bought."""
    words = normalize_text(description).split()
    return frozenset(word for word in words if word.isalpha() and word not in PROCEDURE_WORDS)


def _size(action: ContractAction) -> Decimal:
    return abs(action.obligation or Decimal(0))
