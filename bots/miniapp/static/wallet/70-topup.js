// Paying money in: an amount, a way, and then the provider's own page. The same choice is the same wish.

var topup = { wallet: null, keys: {}, order: null, timer: null };

function openTopup(wallet, minor, currency) {
  var way = wallet.ways[0];
  topup.wallet = wallet;
  topup.keys = {};
  stopWaiting();
  by("topup-form").hidden = false;
  by("topup-pay").hidden = true;
  by("topup-problem").textContent = "";
  fillWays(wallet, way);
  fillCurrencies(way, currency);
  if (minor && way) {
    by("topup-other").value = (minor / Math.pow(10, places(topupCurrency()))).toFixed(places(topupCurrency()));
    each("#topup-chips input", function (chip) { chip.checked = false; });
  }
  openSheet(by("topup"), stopWaiting);
}

function fillWays(wallet, chosen) {
  var box = empty(by("topup-ways"));
  wallet.ways.forEach(function (way) {
    var input = el("input", { type: "radio", name: "way", value: way.channel });
    input.checked = way === chosen;
    input.addEventListener("change", function () { fillCurrencies(way); });
    box.appendChild(el("label", { "class": "chip" }, input, el("span", {}, way.name)));
  });
  by("topup-ways-box").hidden = wallet.ways.length < 2;
  by("topup-none").hidden = wallet.ways.length > 0;
}

function topupWay() {
  var chosen = document.querySelector("#topup-ways input:checked");
  return topup.wallet.ways.filter(function (way) { return chosen && way.channel === chosen.value; })[0];
}

function topupCurrency() { return by("topup-currency").value; }

function fillCurrencies(way, currency) {
  var box = empty(by("topup-currency"));
  (way ? way.currencies : []).forEach(function (one) { box.appendChild(el("option", { value: one }, one)); });
  if (currency && way && way.currencies.indexOf(currency) >= 0) box.value = currency;
  by("topup-currency-box").hidden = !way || way.currencies.length < 2;
  fillChips(way);
}

function fillChips(way) {
  var box = empty(by("topup-chips")), currency = topupCurrency();
  (way && way.currencies[0] === currency ? way.amounts : (start.chips[currency] || start.chips[""] || [])).forEach(function (money, n) {
    if (money.major) money = { amount_minor: money.major * Math.pow(10, places(currency)), currency: currency };
    var input = el("input", { type: "radio", name: "chip", value: money.amount_minor });
    input.checked = n === 1;
    input.addEventListener("change", function () { by("topup-other").value = ""; });
    box.appendChild(el("label", { "class": "chip" }, input, el("span", {}, amount(money))));
  });
}

function topupAmount() {
  var other = by("topup-other").value;
  if (other.trim()) return typedAmount(other, topupCurrency());
  var chosen = document.querySelector("#topup-chips input:checked");
  return chosen ? { amount_minor: parseInt(chosen.value, 10), currency: topupCurrency() } : null;
}

function payIn(event) {
  event.preventDefault();
  var money = topupAmount(), way = topupWay();
  by("topup-problem").textContent = "";
  if (!way) return;
  if (!money) { by("topup-problem").textContent = t("bad_amount"); by("topup-other").focus(); return; }
  var wish = way.channel + money.amount_minor + money.currency;
  topup.keys[wish] = topup.keys[wish] || newKey();
  by("topup-go").disabled = true;
  call("POST", "/wallet/topups", { channel: way.channel, amount: money }, topup.keys[wish]).then(function (answer) {
    by("topup-go").disabled = false;
    showPay(answer);
  }, function (problem) {
    by("topup-go").disabled = false;
    by("topup-problem").textContent = problem.message;
  });
}

function showPay(answer) {
  topup.order = answer.topup;
  by("topup-form").hidden = true;
  by("topup-pay").hidden = false;
  by("topup-sum").textContent = amount(answer.topup.amount);
  var link = by("topup-link"), url = answer.pay.kind === "page" ? String(answer.pay.fields.url) : "";
  link.hidden = !/^https?:/.test(url);
  if (!link.hidden) { link.href = url; by("topup-hint").textContent = t("pay_page_hint"); link.focus(); }
  else if (answer.pay.kind === "jsapi" && window.WeixinJSBridge) {
    by("topup-hint").textContent = t("pay_wait");
    window.WeixinJSBridge.invoke("getBrandWCPayRequest", answer.pay.fields, function () { lookAtOrder(); });
  } else by("topup-hint").textContent = t("pay_in_wechat");
  topup.timer = setInterval(lookAtOrder, 2500);
}

function stopWaiting() { clearInterval(topup.timer); topup.timer = null; }

function lookAtOrder() {
  var order = topup.order;
  call("GET", "/wallet/topups/" + encodeURIComponent(order.id)).then(function (now) {
    if (topup.order !== order || now.state === "pending" || now.state === "created") return;
    stopWaiting();
    topup.order = null;
    closeSheet();
    if (now.state === "paid") say(t("paid_in", { amount: amount(now.amount) }));
    else complain(t(now.state === "parked" ? "pay_parked" : "pay_closed"));
    refresh();
  }, function () { /* the next look is in a moment */ });
}
