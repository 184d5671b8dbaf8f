// One's own watches: what waits to be told on top, then each with its state, and what can be done about it.

var SOON_MS = 30 * 24 * 3600 * 1000;

function refresh() {
  return call("GET", "/watches").then(function (doc) {
    complain("");
    document.body.classList.remove("waiting");
    by("watches").hidden = false;
    showHeld(doc.waiting);
    showTold(doc.told);
    var box = empty(by("mine"));
    doc.watches.forEach(function (one) { box.appendChild(watchNode(one)); });
    by("none").hidden = doc.watches.length > 0;
  });
}

function failed(problem) {
  if (problem.status !== 401) { document.body.classList.remove("waiting"); complain(problem.message, enter); return; }
  enterByItself().then(function (inside) {
    if (inside) refresh().then(goOn, failed);
    else showLogin(function () { refresh().then(goOn, failed); });
  });
}

function enter() { complain(""); refresh().then(goOn, failed); }

// From a station one came to log in: back there. Or one came to link a chat.
function goOn() {
  var query = new URLSearchParams(location.search);
  if (query.has("then")) location.replace("/?station=" + encodeURIComponent(query.get("then")) + "&lang=" + lang);
  else if (query.has("link")) {
    history.replaceState(null, "", "/watches?lang=" + lang);
    if (!by("link").hidden) askCode();
  }
}

// --- where alerts arrive ------------------------------------------------------------------------------------

function showTold(told) {
  by("told").textContent = told.text;
  by("link").hidden = told.channels.length > 0 || !by("link-box").hidden;
  if (told.channels.length) by("link-box").hidden = true;
}

function askCode() {
  by("link").disabled = true;
  call("POST", "/auth/link", {}).then(function (asked) {
    by("link").hidden = true;
    by("link-code").textContent = asked.code;
    by("link-telegram").hidden = !/^https:\/\/t\.me\//.test(asked.telegram_url || "");
    if (!by("link-telegram").hidden) by("link-telegram").href = asked.telegram_url;
    by("link-box").hidden = false;
    by("link-box").focus();
  }, function (problem) { by("link").disabled = false; complain(problem.message); });
}

function copyCode() {
  var picked = document.createRange();
  picked.selectNodeContents(by("link-code"));
  getSelection().removeAllRanges();
  getSelection().addRange(picked);
  if (document.execCommand("copy")) by("link-copy").textContent = t("copied");
}

// --- what waits ---------------------------------------------------------------------------------------------

function showHeld(waiting) {
  var box = empty(by("held"));
  waiting.forEach(function (one) {
    var node = el("li", { "class": "card watch held" },
      el("h3", { id: "held-" + one.watch_id }, one.head));
    one.lines.forEach(function (line) { node.appendChild(el("p", { "class": "soft" }, line)); });
    node.appendChild(el("div", { "class": "pair" },
      el("a", { "class": "button small primary", href: stationLink(one.station_id) }, t("watches_open")),
      action("watches_seen", "held-" + one.watch_id, function () { return change(one, { seen: true }).then(refresh); })));
    box.appendChild(node);
  });
  by("held-box").hidden = !waiting.length;
}

// --- one watch ----------------------------------------------------------------------------------------------

function stationLink(id) { return "/?station=" + encodeURIComponent(id) + "&lang=" + lang; }

function change(one, body) { return call("PATCH", "/watches/" + (one.watch_id || one.id), body); }

// A button that is described by the watch it stands under. What it does says in the end what it has done.
function action(key, describedBy, act) {
  var button = el("button", { type: "button", "class": "button small", "aria-describedby": describedBy }, t(key));
  button.addEventListener("click", function () {
    button.disabled = true;
    complain("");
    act().then(function () { button.disabled = false; }, function (problem) { button.disabled = false; complain(problem.message); });
  });
  return button;
}

function watchNode(one) {
  var node = el("li", { "class": "card watch", "data-watch": one.id }), title = "watch-" + one.id;
  function done(key) { return function (changed) { swap(node, watchNode(merged(one, changed))); say(t(key)); }; }
  node.appendChild(el("h3", { id: title }, one.text.wish));
  node.appendChild(el("p", {}, one.station_id ? el("a", { href: stationLink(one.station_id) }, one.text.place) : one.text.place));
  node.appendChild(el("p", { "class": "soft" }, one.text.state));
  var row = el("div", { "class": "watch-acts" });
  // A wish for a free gun lives for hours: it is not put to sleep for a day.
  if (one.muted_until || one.rule !== "gun_free") row.appendChild(one.muted_until
    ? action("watches_wake", title, function () { return change(one, { wake: true }).then(done("watches_done_awake")); })
    : action("watches_snooze", title, function () { return change(one, { snooze: true }).then(done("watches_done_silent")); }));
  var price = one.rule === "below" ? amountForm(one, done("watches_done_amount")) : null;
  if (price) row.appendChild(opener(price, title));
  if (one.rule === "gun_free" || new Date(one.expires_at) - Date.now() < SOON_MS) {
    row.appendChild(action("watches_renew", title, function () { return change(one, { renew: true }).then(done("watches_done_renewed")); }));
  }
  row.appendChild(action("watches_stop", title, function () {
    return call("DELETE", "/watches/" + one.id).then(function () { swap(node, stoppedNode(one)); say(t("watches_stopped")); });
  }));
  node.appendChild(row);
  if (price) node.appendChild(price);
  if (one.told) node.appendChild(lastAlerts(one));
  return node;
}

// What a change answers is the whole watch again.
function merged(one, changed) { return changed && changed.id === one.id ? changed : one; }

function swap(old, node) {
  var again = document.contains(old) && old.contains(document.activeElement);
  old.parentNode.replaceChild(node, old);
  if (again) node.querySelector("button").focus();
}

function stoppedNode(one) {
  var title = "watch-" + one.id;
  var node = el("li", { "class": "card watch stopped", "data-watch": one.id },
    el("h3", { id: title }, one.text.wish),
    el("p", {}, one.text.place),
    el("p", { "class": "soft" }, t("watches_stopped")));
  node.appendChild(el("div", { "class": "watch-acts" }, action("watches_undo", title, function () {
    return change(one, { renew: true }).then(function (back) { swap(node, watchNode(back)); say(t("watches_done_renewed")); });
  })));
  return node;
}

function amountForm(one, done) {
  var input = el("input", { "class": "text", type: "text", inputmode: "decimal", maxlength: "9", autocomplete: "off", value: one.amount });
  var form = el("form", { "class": "watch-own", hidden: "" },
    el("label", {}, el("span", {}, t("watches_amount_of") + " (" + perKwh(one.currency) + ")"), input),
    el("button", { type: "submit", "class": "button" }, t("watches_save")));
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    var found = /^\s*(\d{1,5})(?:[.,](\d{1,4}))?\s*$/.exec(input.value.replace(/[¥€$£元]/g, ""));
    if (!found) { complain(t("watch_bad_price")); input.focus(); return; }
    complain("");
    change(one, { amount: found[1] + (found[2] ? "." + found[2] : "") }).then(done, function (problem) { complain(problem.message); });
  });
  return form;
}

function opener(form, title) {
  var open = el("button", { type: "button", "class": "button small", "aria-describedby": title, "aria-expanded": "false" }, t("watches_amount"));
  open.addEventListener("click", function () {
    form.hidden = !form.hidden;
    open.setAttribute("aria-expanded", String(!form.hidden));
    if (!form.hidden) form.querySelector("input").select();
  });
  return open;
}

function lastAlerts(one) {
  var list = el("ul", { "class": "watch-alerts" }), asked = false;
  var box = el("details", {}, el("summary", {}, t("watches_last") + " (" + one.told + ")"), list);
  box.addEventListener("toggle", function () {
    if (asked || !box.open) return;
    asked = true;
    call("GET", "/watches/" + one.id).then(function (doc) {
      doc.alerts.forEach(function (alert) {
        list.appendChild(el("li", {}, joined([one.station_id ? "" : alert.station, alert.text])));
      });
      if (!doc.alerts.length) list.appendChild(el("li", {}, t("watches_quiet_yet")));
    }, function (problem) { asked = false; complain(problem.message); });
  });
  return box;
}

// --- begin --------------------------------------------------------------------------------------------------

document.documentElement.classList.add("script");
by("link").addEventListener("click", askCode);
by("link-copy").addEventListener("click", copyCode);
// Back from the chat where the code was entered.
document.addEventListener("visibilitychange", function () { if (!document.hidden && !by("link-box").hidden) refresh().catch(failed); });
by("logout").addEventListener("click", function () {
  call("DELETE", "/auth").then(function () { keepToken(""); location.reload(); }, function (problem) { complain(problem.message); });
});
enter();
