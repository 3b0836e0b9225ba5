"""Writes rows straight into the database, as the trading pipeline does: with psycopg, and nothing of the dashboard's.

    DATABASE_URL=postgresql://alphapulse:SECRET@127.0.0.1/alphapulse python3 insert_rows.py

The dashboard's triggers see to it that every screen shows them at once. Name the columns, and leave dashboard_xid out: the
database fills it. Rows of one transaction appear together, when it is committed. Prints the ids that were given.
"""

import os
from datetime import datetime, timezone

import psycopg
from psycopg.types.json import Jsonb


def main():
    now = datetime.now(timezone.utc)
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        rate = connection.execute(
            "insert into funding_rates (timestamp, symbol, exchange, funding_rate, metadata)"
            " values (%s, %s, %s, %s, %s) returning id",
            (now, "BTC/USDT", "binance", "0.00010000", Jsonb({"source": "example"})),
        ).fetchone()
        metric = connection.execute(
            "insert into system_metrics (timestamp, metric_name, metric_value, metric_unit)"
            " values (%s, %s, %s, %s) returning id",
            (now, "example_queue_length", 3.0, "rows"),
        ).fetchone()
    print([rate[0], metric[0]])


if __name__ == "__main__":
    main()
