"""The invariants of the money, as questions to the database whose every answer is a breach (docs/money.md)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, bindparam, text

from core.ports import Breach
from core.session import LIVE, NOTHING_HELD_BEYOND
from storage.columns import UtcTime

_LIVE = ", ".join(f"'{state.value}'" for state in sorted(LIVE))

# What a person paid for each session by the ledger, and what the session's hold says.
_PAID = """
    SELECT t.session_id,
           sum(CASE WHEN t.cause = 'hold' THEN t.amount ELSE 0 END) AS held,
           sum(CASE WHEN t.cause IN ('capture', 'fee') THEN t.amount ELSE 0 END) AS captured,
           sum(CASE WHEN t.cause = 'release' THEN t.amount ELSE 0 END) AS released,
           sum(CASE WHEN t.cause IN ('capture', 'fee') THEN t.amount
                    WHEN t.cause IN ('adjustment', 'credit') AND d.pot = 'available' THEN t.amount
                    WHEN t.cause IN ('adjustment', 'credit') AND c.pot = 'available' THEN -t.amount
                    ELSE 0 END) AS paid
    FROM transfers t JOIN accounts d ON d.id = t.debit JOIN accounts c ON c.id = t.credit
    WHERE t.session_id <> ''
    GROUP BY t.session_id
"""

# Each question gives one text per breach. They read one moment: the caller's transaction is a snapshot.
_QUESTIONS: tuple[tuple[str, str], ...] = (
    (
        "I1",
        "SELECT currency || ' adds up to ' || sum(balance) FROM accounts GROUP BY currency HAVING sum(balance) <> 0",
    ),
    (
        "I2",
        """
        SELECT a.id || ' says ' || a.balance || ', its transfers ' || (coalesce(c.total, 0) - coalesce(d.total, 0))
        FROM accounts a
        LEFT JOIN (SELECT credit, sum(amount) AS total FROM transfers GROUP BY credit) c ON c.credit = a.id
        LEFT JOIN (SELECT debit, sum(amount) AS total FROM transfers GROUP BY debit) d ON d.debit = a.id
        WHERE a.balance <> coalesce(c.total, 0) - coalesce(d.total, 0)
        """,
    ),
    (
        "I3",
        """
        SELECT id || ' is ' || balance FROM accounts
        WHERE balance < 0 AND pot IN ('available', 'held', 'refunding')
        """,
    ),
    (
        "I4",
        """
        SELECT 'person ' || owner || ' holds ' || sum(kept) || ' ' || currency || ' beyond the active holds'
        FROM (
            SELECT owner, currency, balance AS kept FROM accounts WHERE pot = 'held'
            UNION ALL
            SELECT user_id, currency, -amount FROM holds WHERE state = 'active'
        ) AS both_sides
        GROUP BY owner, currency HAVING sum(kept) <> 0
        """,
    ),
    (
        "I5",
        """
        SELECT 'session ' || s.id || ' is ' || s.state || ', its hold ' || coalesce(h.state, 'is not there')
        FROM charging_sessions s LEFT JOIN holds h ON h.session_id = s.id
        WHERE (s.state IN ({live})) <> (coalesce(h.state, '') = 'active')
        """,
    ),
    (
        "I6",
        """
        SELECT 'session ' || h.session_id || ' holds ' || h.amount || ', captured ' || h.captured || ', released '
               || h.released || '; the ledger has ' || coalesce(p.held, 0) || ', ' || coalesce(p.captured, 0) || ', '
               || coalesce(p.released, 0)
        FROM holds h LEFT JOIN ({paid}) p ON p.session_id = h.session_id
        WHERE h.amount <> coalesce(p.held, 0) OR h.captured <> coalesce(p.captured, 0)
           OR h.released <> coalesce(p.released, 0)
        """,
    ),
    (
        "I7",
        """
        SELECT 'session ' || s.id || ' was charged ' || coalesce(s.charged, 0) || ', the ledger took '
               || coalesce(p.paid, 0) || ' of a hold of ' || coalesce(h.amount, 0)
        FROM charging_sessions s
        LEFT JOIN holds h ON h.session_id = s.id LEFT JOIN ({paid}) p ON p.session_id = s.id
        WHERE coalesce(p.paid, 0) > coalesce(h.amount, 0) OR coalesce(p.paid, 0) < 0
           OR coalesce(s.charged, 0) <> coalesce(p.paid, 0)
        """,
    ),
    (
        "I8",
        """
        SELECT 'paid in over ' || channel || ' in ' || currency || ': orders and ledger differ by ' || sum(amount)
        FROM (
            SELECT channel, currency, amount FROM topups WHERE state = 'paid'
            UNION ALL
            SELECT a.owner, a.currency, -t.amount FROM transfers t JOIN accounts a ON a.id = t.debit
            WHERE t.cause = 'topup'
        ) AS paid_in
        GROUP BY channel, currency HAVING sum(amount) <> 0
        """,
    ),
    (
        "I8",
        """
        SELECT 'person ' || owner || ': refunds on their way and the ledger differ by ' || sum(amount)
               || ' ' || currency
        FROM (
            SELECT owner, currency, balance AS amount FROM accounts WHERE pot = 'refunding'
            UNION ALL
            SELECT user_id, currency, -amount FROM refunds WHERE state IN ('asked', 'sent', 'by_hand')
        ) AS on_their_way
        GROUP BY owner, currency HAVING sum(amount) <> 0
        """,
    ),
    (
        "I8",
        """
        SELECT 'refunds paid over ' || channel || ' in ' || currency || ': orders and ledger differ by '
               || sum(amount)
        FROM (
            SELECT channel, currency, amount FROM refunds WHERE state = 'done'
            UNION ALL
            SELECT a.owner, a.currency, -t.amount FROM transfers t JOIN accounts a ON a.id = t.credit
            WHERE t.cause = 'refunded'
        ) AS paid_out
        GROUP BY channel, currency HAVING sum(amount) <> 0
        """,
    ),
    (
        "I9",
        """
        SELECT 'session ' || session_id || ' has ' || count(*) || ' live records'
        FROM record_bookings WHERE state = 'applied' GROUP BY session_id HAVING count(*) > 1
        """,
    ),
    (
        "I9",
        """
        SELECT 'session ' || s.id || ' is settled at ' || coalesce(s.charged, 0) || ', its record took '
               || b.from_user
        FROM record_bookings b JOIN charging_sessions s ON s.id = b.session_id
        WHERE b.state = 'applied' AND s.state = 'settled' AND b.from_user <> coalesce(s.charged, 0)
        """,
    ),
    (
        "I10",
        """
        SELECT 'session ' || session_id || ' holds since too long' FROM holds
        WHERE state = 'active' AND held_at < :old
        """,
    ),
)


def breaches(db: Connection, at: datetime) -> Iterator[Breach]:
    """Everything that does not hold at this moment."""
    for number, question in _QUESTIONS:
        statement = text(question.replace("{paid}", _PAID).replace("{live}", _LIVE))
        if ":old" in question:
            statement = statement.bindparams(bindparam("old", at - NOTHING_HELD_BEYOND, UtcTime))
        for detail in db.execute(statement).scalars():
            yield Breach(number, detail)
