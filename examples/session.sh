#!/usr/bin/env bash
# A session with nothing but curl: ask, place, look, leave. It is no advice.
#   SAUDA_TOKEN=$(cat .sauda/admin.token) examples/session.sh
set -euo pipefail

url=${SAUDA_URL:-http://127.0.0.1:8080}
market=${MARKET_URL:-http://127.0.0.1:8081}
symbol=${1:-INFY}

# Fails with the server's problem on standard error, so that nothing goes on after a refusal.
api() {
  local method=$1 path=$2
  shift 2
  curl -sS --fail-with-body -X "$method" "$url$path" \
    -H "Authorization: Bearer $SAUDA_TOKEN" -H 'Content-Type: application/json' "$@"
}
# The first value of a field, without more tools than sed has.
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1; }

last=$(curl -sS "$market/quote/ltp?i=NSE:$symbol" -H 'Authorization: token paper:paper' -H 'X-Kite-Version: 3' |
  sed -n 's/.*"last_price": *\([0-9.]*\).*/\1/p')
price() { awk -v last="$last" -v by="$1" 'BEGIN { printf "%.2f", int(last * by * 20 + 0.5) / 20 }'; }

# The id is ours: sent again, also after an answer that got lost, it is the same order.
id=session-$(date +%s)-$$
order=$(
  cat <<JSON
{ "clientOrderId": "$id", "strategyId": "session", "exchange": "NSE", "symbol": "$symbol", "side": "BUY",
  "quantity": 2, "orderType": "LIMIT", "product": "MIS", "price": "$(price 1.002)",
  "stopLoss": "$(price 0.99)", "takeProfit": "$(price 1.04)" }
JSON
)
echo "preview  $(api POST /v1/orders/preview -d "$order" | sed -n 's/.*"passes":\([a-z]*\).*/would pass: \1/p')"
first=$(api POST '/v1/orders?waitFor=FILLED&timeoutMs=30000' -d "$order")
again=$(api POST /v1/orders -d "$order")
echo "placed   $(echo "$first" | field id) $(echo "$first" | field status)"
echo "again    $(echo "$again" | field id) is the same order"

echo "position $(api GET "/v1/positions/NSE/$symbol?product=MIS" | field quantity)"
echo "risk     equity $(api GET /v1/risk | field equity)"

api POST "/v1/positions/NSE/$symbol/close" -d '{"strategyId":"session","product":"MIS","reason":"the session ends"}' >/dev/null
echo "closing  $symbol"
