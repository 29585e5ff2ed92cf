#!/usr/bin/env python3
"""Buys when the price leaves its opening range, and leaves by its stop, its target or after a while. It is no advice.

    npx sauda token create --name breakout --role trader --strategy breakout > breakout.token
    SAUDA_TOKEN=$(cat breakout.token) python3 examples/breakout.py NSE:INFY

Python 3.9 or newer, and nothing but its standard library.
"""
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

SAUDA_URL = os.environ.get("SAUDA_URL", "http://127.0.0.1:8080")
SAUDA_TOKEN = os.environ.get("SAUDA_TOKEN", "")
MARKET_URL = os.environ.get("MARKET_URL", "http://127.0.0.1:8081")
CANDLE_S = float(os.environ.get("CANDLE_MS", "2000")) / 1000
RANGE_CANDLES = int(os.environ.get("RANGE_CANDLES", "10"))
HOLD_CANDLES = int(os.environ.get("HOLD_CANDLES", "30"))
STRATEGY = "breakout"
QUANTITY = 3
TICK = 0.05


class Refused(Exception):
    """The server said no: `code` is stable, `detail` is a sentence with the numbers."""

    def __init__(self, problem):
        super().__init__(f"{problem.get('code')}: {problem.get('detail')}")
        self.code = problem.get("code")


def call(method, path, body=None, headers=None, timeout=40, tries=5):
    """One call of the API. Tried again while there is no answer: give every write an id that stays the same."""
    for attempt in range(1, tries + 1):
        request = urllib.request.Request(
            SAUDA_URL + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {SAUDA_TOKEN}", "Content-Type": "application/json", **(headers or {})},
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503) or attempt == tries:
                raise Refused(json.load(error)) from None
            pause = float(error.headers.get("Retry-After", "0.5"))
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            # Whether it arrived is not known: with the same clientOrderId there is never a second order.
            if attempt == tries:
                raise
            pause = 0.2 * 2**attempt
        time.sleep(pause)


def place(wait_for="FILLED", **order):
    """Places an order, and answers when it is filled, finished, or 30 seconds have passed."""
    body = {"clientOrderId": f"{STRATEGY}-{uuid.uuid4().hex[:12]}", "strategyId": STRATEGY, **order}
    return call("POST", f"/v1/orders?waitFor={wait_for}&timeoutMs=30000", body)


def last_price(instrument):
    """Kite's quotes, which the paper exchange serves too."""
    request = urllib.request.Request(
        f"{MARKET_URL}/quote/ltp?i={urllib.parse.quote(instrument)}",
        headers={"Authorization": "token paper:paper", "X-Kite-Version": "3"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["data"][instrument]["last_price"]


def held(exchange, symbol):
    """What this strategy holds: its token sees the fold of its own trades."""
    query = urllib.parse.urlencode({"exchange": exchange, "symbol": symbol, "product": "MIS"})
    return sum(one["quantity"] for one in call("GET", f"/v1/positions?{query}")["items"])


def on_tick(price):
    return f"{round(price / TICK) * TICK:.2f}"


def main(instrument):
    exchange, symbol = instrument.split(":")
    of = {"exchange": exchange, "symbol": symbol, "product": "MIS"}

    seen = []
    for _ in range(RANGE_CANDLES):
        seen.append(last_price(instrument))
        time.sleep(CANDLE_S)
    high = max(seen)
    print(f"the opening range of {instrument} is {min(seen):.2f} to {high:.2f}", flush=True)

    while (price := last_price(instrument)) <= high:
        time.sleep(CANDLE_S)
    limit = price * 1.001
    entry = place(
        **of,
        side="BUY",
        quantity=QUANTITY,
        orderType="LIMIT",
        price=on_tick(limit),
        stopLoss=on_tick(limit * 0.99),
        takeProfit=on_tick(limit * 1.025),
    )
    print(f"the entry at {on_tick(limit)} is {entry['status']} {entry['statusReason'] or ''}".rstrip(), flush=True)
    if entry["status"] != "FILLED":
        try:
            call("DELETE", f"/v1/orders/{entry['id']}", headers={"Idempotency-Key": uuid.uuid4().hex})
        except Refused as refused:
            print(f"nothing to cancel: {refused}")
        return 1

    for _ in range(HOLD_CANDLES):
        time.sleep(CANDLE_S)
        if held(exchange, symbol) == 0:
            print("the stop or the target has closed it", flush=True)
            return 0
    quantity = held(exchange, symbol)
    if quantity > 0:
        leave = place(**of, side="SELL", quantity=quantity, orderType="MARKET", reduceOnly=True)
        print(f"the exit is {leave['status']} at {leave['averagePrice']}", flush=True)
    return 0 if held(exchange, symbol) == 0 else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "NSE:INFY"))
    except Refused as refused:
        sys.exit(f"refused: {refused}")
