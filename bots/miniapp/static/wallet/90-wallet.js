// The wallet page, and the little that a receipt needs of it.

var wallet = null, lines = { next: null, busy: false, done: false }, LINES = 20;

function refresh() {
  return call("GET", "/wallet").then(function (doc) {
    wallet = doc;
    complain("");
    showWallet(doc);
    document.body.classList.remove("waiting");
    by("wallet").hidden = false;
    lines = { next: null, busy: false, done: false };
    empty(by("lines"));
    moreLines();
    showRefunds();
    showCharges();
    call("GET", RUNNING).then(function (found) { showRunning(by("running"), found); }, function () { /* the wallet does without */ });
  });
}

function failed(problem) {
  if (problem.status !== 401) { document.body.classList.remove("waiting"); complain(problem.message, enter); return; }
  enterByItself().then(function (inside) {
    if (inside) refresh().then(asked, failed);
    else showLogin(function () { refresh().then(asked, failed); });
  });
}

function enter() { complain(""); refresh().then(asked, failed); }

// A chat's link may name what it is for: /wallet?topup=5000&currency=CNY
function asked() {
  var query = new URLSearchParams(location.search);
  if (query.has("topup")) openTopup(wallet, parseInt(query.get("topup"), 10) || 0, query.get("currency"));
  else if (query.has("refund")) openRefund(wallet);
  if (query.has("topup") || query.has("refund")) history.replaceState(null, "", "/wallet?lang=" + lang);
}

function showWallet(doc) {
  var box = empty(by("balances"));
  doc.balances.forEach(function (one) {
    box.appendChild(el("div", { "class": "card balance" },
      el("p", { "class": "soft" }, t("free")),
      el("p", { "class": "sum" }, amount(one.available)),
      el("p", { "class": "pots" },
        el("span", {}, t("held") + " ", el("b", {}, amount(one.held))),
        el("span", {}, t("refunding") + " ", el("b", {}, amount(one.refunding))))));
  });
  if (!doc.balances.length) box.appendChild(el("div", { "class": "card balance" }, el("p", {}, t("empty"))));
  var waiting = empty(by("waiting"));
  doc.waiting.forEach(function (one) {
    waiting.appendChild(el("li", {}, t("waiting", { amount: amount(one.amount) })));
  });
  waiting.hidden = !doc.waiting.length;
  by("open-refund").disabled = !doc.balances.some(function (one) { return one.refundable.amount_minor > 0; });
  by("open-topup").disabled = !doc.ways.length;
}

// --- refunds and charges ------------------------------------------------------------------------------------

function showRefunds() {
  call("GET", "/wallet/refunds").then(function (doc) {
    var box = empty(by("refunds"));
    doc.refunds.slice(0, 5).forEach(function (one) {
      var steps = el("ol", { "class": "steps" });
      one.steps.forEach(function (step) {
        steps.appendChild(el("li", {}, el("span", {}, step.text), el("time", {}, minute(step.at))));
      });
      var over = one.state === "done" || one.state === "refused";
      if (!over) steps.appendChild(el("li", { "class": "due" }, el("span", {}, t("due", { day: day(one.due_at) }))));
      box.appendChild(el("li", { "class": over ? "" : "open" },
        el("p", { "class": "line-top" }, el("b", {}, t("refund_to", { way: one.way })), el("b", { "class": "figure" }, amount(one.amount))),
        steps, el("p", { "class": "detail" }, t("reference", { reference: one.reference || one.id }))));
    });
    by("refunds-box").hidden = !doc.refunds.length;
  }, function (problem) { complain(problem.message); });
}

function showCharges() {
  call("GET", "/sessions?limit=5").then(function (doc) {
    var box = empty(by("charges"));
    doc.sessions.forEach(function (one) {
      box.appendChild(el("li", {}, el("a", { href: "/receipts/" + encodeURIComponent(one.id) + "?lang=" + lang },
        el("span", { "class": "line-top" }, el("b", {}, one.station), el("b", { "class": "figure" }, one.charged ? amount(one.charged) : "")),
        el("span", { "class": "detail" }, [minute(one.created_at), one.energy_kwh ? t("kwh_value", { n: one.energy_kwh }) : "", one.text].filter(Boolean).join(" · ")))));
    });
    by("charges-box").hidden = !doc.sessions.length;
  }, function (problem) { complain(problem.message); });
}

// --- the statement ------------------------------------------------------------------------------------------

function moreLines() {
  if (lines.busy || lines.done) return;
  var mine = lines;
  mine.busy = true;
  call("GET", "/wallet/statement?limit=" + LINES + (mine.next ? "&before=" + mine.next : "")).then(function (doc) {
    if (mine !== lines) return;
    doc.lines.forEach(function (one) { by("lines").appendChild(lineNode(one)); });
    mine.next = doc.next;
    mine.done = doc.next === null;
    mine.busy = false;
    by("lines-more").hidden = mine.done;
    by("lines-none").hidden = by("lines").children.length > 0;
    if (!mine.done && nearEnd()) moreLines();
  }, function (problem) {
    mine.busy = false;
    complain(problem.message, moreLines);
  });
}

function nearEnd() { return by("lines-more").getBoundingClientRect().top < window.innerHeight + 300; }

function lineNode(one) {
  var free = one.available.amount_minor !== 0;
  var shown = free ? one.available : one.held.amount_minor ? one.held : one.refunding;
  var kind = !free ? "figure inner" : one.available.amount_minor > 0 ? "figure plus" : "figure";
  var node = el("li", {},
    el("p", { "class": "line-top" }, el("b", {}, one.reason.text), el("b", { "class": kind }, signed(shown))),
    el("p", { "class": "detail" }, one.reason.detail),
    el("p", { "class": "detail" }, minute(one.at) + (free ? "" : " · " + t(one.held.amount_minor ? "from_held" : "from_refunding"))));
  if (one.session_id) node.appendChild(el("a", { "class": "detail", href: "/receipts/" + encodeURIComponent(one.session_id) + "?lang=" + lang }, t("receipt")));
  return node;
}

// --- a receipt ----------------------------------------------------------------------------------------------

function offerPrint() { if (by("print")) by("print").addEventListener("click", function () { window.print(); }); }

// The same page again, asked for by token: a link cannot carry one. Resolves to whether we are let in.
function showReceipt() {
  return fetch(location.pathname + location.search, { headers: { Authorization: "Bearer " + token() } }).then(function (answer) {
    if (answer.status === 401) return false;
    return answer.text().then(function (text) {
      var old = document.querySelector("main");
      old.parentNode.replaceChild(new DOMParser().parseFromString(text, "text/html").querySelector("main"), old);
      offerPrint();
      return true;
    });
  }, function () { complain(t("offline")); return true; });
}

// --- begin --------------------------------------------------------------------------------------------------

document.documentElement.classList.add("script");
if (start.page === "wallet") {
  by("open-topup").addEventListener("click", function () { openTopup(wallet); });
  by("open-refund").addEventListener("click", function () { openRefund(wallet); });
  by("topup-form").addEventListener("submit", payIn);
  by("topup-other").addEventListener("input", function () {
    each("#topup-chips input", function (chip) { chip.checked = false; });
  });
  by("topup-currency").addEventListener("change", function () { fillChips(topupWay()); });
  by("refund-currency").addEventListener("change", showRefundable);
  by("refund-other").addEventListener("input", function () { by("refund-part").checked = true; });
  by("refund-ask").addEventListener("submit", previewRefund);
  by("refund-yes").addEventListener("click", confirmRefund);
  by("refund-no").addEventListener("click", closeSheet);
  by("lines-more").addEventListener("click", moreLines);
  window.addEventListener("scroll", function () { if (wallet && nearEnd()) moreLines(); }, { passive: true });
  // Back from the payment page in another window.
  document.addEventListener("visibilitychange", function () { if (!document.hidden && topup.order) lookAtOrder(); });
  by("logout").addEventListener("click", function () {
    call("DELETE", "/auth").then(function () { keepToken(""); location.reload(); }, function (problem) { complain(problem.message); });
  });
  enter();
} else {
  offerPrint();
  if (start.logged_out) (token() ? showReceipt() : Promise.resolve(false)).then(function (shown) {
    if (!shown) enterByItself().then(function (inside) {
      if (inside) showReceipt();
      else showLogin(function () { location.reload(); });
    });
  });
}
