// Money back: how much, then where it goes and by when, then yes. The key belongs to what was shown.

var refund = { balances: [], shown: null };

function openRefund(wallet) {
  refund.balances = wallet.balances.filter(function (one) { return one.refundable.amount_minor > 0; });
  var box = empty(by("refund-currency"));
  refund.balances.forEach(function (one) { box.appendChild(el("option", { value: one.refundable.currency }, one.refundable.currency)); });
  by("refund-currency-box").hidden = refund.balances.length < 2;
  by("refund-none").hidden = refund.balances.length > 0;
  by("refund-ask").hidden = !refund.balances.length;
  by("refund-confirm").hidden = true;
  by("refund-other").value = "";
  by("refund-problem").textContent = "";
  showRefundable();
  openSheet(by("refund"));
}

function refundable() {
  return refund.balances.filter(function (one) { return one.refundable.currency === by("refund-currency").value; })[0];
}

function showRefundable() {
  var one = refundable();
  by("refund-all-text").textContent = one ? t("refund_all", { amount: amount(one.refundable) }) : "";
  by("refund-all").checked = true;
}

function previewRefund(event) {
  event.preventDefault();
  var one = refundable(), other = by("refund-other").value.trim();
  by("refund-problem").textContent = "";
  var money = by("refund-part").checked ? typedAmount(other, one.refundable.currency) : one.refundable;
  if (!money) { by("refund-problem").textContent = t("bad_amount"); by("refund-other").focus(); return; }
  var query = "?amount_minor=" + money.amount_minor + "&currency=" + money.currency;
  call("GET", "/wallet/refunds/preview" + query).then(function (doc) {
    refund.shown = { amount: money, key: newKey() };
    var list = empty(by("refund-ways"));
    doc.ways.forEach(function (way) { list.appendChild(el("li", {}, t("refund_way", { amount: amount(way.amount), way: way.way }))); });
    by("refund-due").textContent = t("refund_due", { day: day(doc.due_at) });
    by("refund-ask").hidden = true;
    by("refund-confirm").hidden = false;
    by("refund-yes").disabled = false;
    by("refund-yes").focus();
  }, function (problem) { by("refund-problem").textContent = problem.message; });
}

function confirmRefund() {
  by("refund-yes").disabled = true;
  call("POST", "/wallet/refunds", { amount: refund.shown.amount }, refund.shown.key).then(function () {
    closeSheet();
    say(t("refund_asked", { amount: amount(refund.shown.amount) }));
    refresh();
  }, function (problem) {
    by("refund-yes").disabled = false;
    by("refund-problem").textContent = problem.message;
  });
}
