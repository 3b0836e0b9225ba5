"""Writes an anomaly through a running dashboard, with nothing but Python's own library.

    DASHBOARD_URL=http://127.0.0.1:8050 DASHBOARD_TOKEN=SECRET python3 post_anomaly.py

The token is one of the dashboard's DASHBOARD_WRITE_TOKENS; leave it out where none is set. Prints the ids that were given.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from datetime import datetime, timezone


def post(path, rows):
    """Writes one row (a dict) or up to 1,000 (a list), all or none; returns their ids in the same order."""
    address = os.environ.get("DASHBOARD_URL", "http://127.0.0.1:8050").rstrip("/") + path
    headers = {"content-type": "application/json"}
    token = os.environ.get("DASHBOARD_TOKEN")
    if token:
        headers["authorization"] = "Bearer " + token
    # JSON has no NaN and no infinity: write them as "NaN", "Infinity" and "-Infinity".
    body = json.dumps(rows, allow_nan=False).encode()
    request = urllib.request.Request(address, data=body, headers=headers, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["ids"]


def main():
    anomaly = {
        "symbol": "BTC/USDT",
        "data_type": "funding_rate",
        "value": 0.0012,
        "z_score": -4.5,
        # With its zone: local time written as if it were UTC lies in the future, or in the past.
        "timestamp": datetime.now(timezone.utc).isoformat(),
        "metadata": {"window": "7d"},
    }
    try:
        print(post("/api/anomalies", anomaly))
    except urllib.error.HTTPError as error:
        # A problem document: what is wrong, with the value and what is accepted instead.
        sys.exit(f"{error.code}: {json.load(error).get('detail')}")


if __name__ == "__main__":
    main()
