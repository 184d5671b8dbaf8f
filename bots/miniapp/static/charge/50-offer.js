// The offer: gun, price with its parts, hold and promises, and the one yes. A price holds for five minutes.

var KWH_STEPS = [5, 10, 15, 20, 25, 30, 35, 40, 50, 60, 70, 80, 100, 120, 150, 200];
// What may be over in a minute.
var PASSING = ["gun_busy", "price_too_old"];
// By our own clock from the moment it came: a phone's may be wrong. A little less than what the server keeps.
var HOLDS_MS = 5 * 60000 - 5000;
var offer = { scan: null, kwh: 30, shown: null, until: 0, ticks: null, turn: 0, wait: null };

function askOffer(scan) {
  var stored = Number(remembered("kwh"));
  offer.scan = scan;
  offer.shown = null;
  if (KWH_STEPS.indexOf(stored) >= 0) offer.kwh = stored;
  step("offer", scan.station ? scan.station.name : t("offer"), [
    el("p", { "class": "about-name" }, scan.station && joined([scan.station.operator.name, scan.gun && scan.gun.text])),
    el("div", { "class": "offer-kwh" }, el("span", { id: "kwh-label" }, t("kwh")),
      el("div", { "class": "stepper", role: "group", "aria-labelledby": "kwh-label" },
        el("button", { type: "button", id: "kwh-less", "aria-label": t("kwh_less"), onclick: function () { stepKwh(false); } }, "−"),
        el("output", { id: "kwh", "aria-live": "polite" }),
        el("button", { type: "button", id: "kwh-more", "aria-label": t("kwh_more"), onclick: function () { stepKwh(true); } }, "+"))),
    el("div", { id: "offer", "class": "card offer-card", "aria-live": "polite", "aria-busy": "true" }),
    el("div", { id: "offer-foot", "class": "foot-bar" })]);
  showKwh();
  requote();
}

function showKwh() {
  by("kwh").textContent = t("kwh_value", { n: offer.kwh });
  by("kwh-less").disabled = offer.kwh <= KWH_STEPS[0];
  by("kwh-more").disabled = offer.kwh >= KWH_STEPS[KWH_STEPS.length - 1];
}

function stepKwh(up) {
  var others = KWH_STEPS.filter(function (one) { return up ? one > offer.kwh : one < offer.kwh; });
  if (!others.length) return;
  offer.kwh = up ? others[0] : others[others.length - 1];
  remember("kwh", offer.kwh);
  showKwh();
  staleOffer();
  clearTimeout(offer.wait);
  offer.wait = setTimeout(requote, 350); // one question after a row of taps
}

// The old price is no longer the one to say yes to.
function staleOffer() {
  stopCountdown();
  offer.turn++;
  by("offer").setAttribute("aria-busy", "true");
  each("#offer-foot button", function (node) { node.disabled = true; });
}

function requote() {
  staleOffer();
  var mine = offer.turn;
  complain("");
  call("POST", pathOf(offer.scan, "offer"), { kwh: String(offer.kwh) }).then(function (one) {
    if (mine === offer.turn && by("offer")) showOffer(one);
  }, function (problem) {
    if (mine !== offer.turn || !by("offer")) return;
    if (problem.status === 401) { trouble(problem); return; }
    by("offer").setAttribute("aria-busy", "false");
    by("offer").className = "card offer-card is-refused";
    empty(by("offer")).appendChild(line(problem.message, "warning"));
    var foot = empty(by("offer-foot")), passing = problem.status === 0 || problem.status >= 429 || PASSING.indexOf(problem.code) >= 0;
    by("step").querySelector(".offer-kwh").hidden = !passing && problem.code !== "bad_energy";
    if (passing) foot.appendChild(button("primary", t("again"), requote));
    foot.appendChild(button(passing ? "" : "primary", t("scan_again"), scanAgain));
  });
}

function showOffer(one) {
  offer.shown = one;
  offer.until = Date.now() + HOLDS_MS;
  var box = empty(by("offer")), promises = {};
  by("step").querySelector("h1").textContent = one.head[0];
  by("step").querySelector(".about-name").textContent = one.head[1];
  one.promises.forEach(function (promise) { promises[promise.text] = true; });
  one.lines.forEach(function (text, n) {
    if (!promises[text]) box.appendChild(line(bare(text), n === 0 ? "offer-price" : "offer-line"));
  });
  var list = el("ul", { "class": "offer-promises" });
  one.promises.forEach(function (promise) { if (one.lines.indexOf(promise.text) >= 0) list.appendChild(el("li", {}, promise.text)); });
  box.appendChild(list);
  box.className = "card offer-card";
  box.setAttribute("aria-busy", "false");
  var foot = empty(by("offer-foot"));
  if (one.missing) {
    foot.appendChild(line(one.missing_text, "warning"));
    foot.appendChild(button("primary", t("top_up_some", { amount: amount(one.missing) }), topUpMissing));
  } else {
    foot.appendChild(line(t("plug_first"), "lead"));
    foot.appendChild(button("primary", t("start", { hold: amount(one.hold) }), startCharge));
  }
  foot.appendChild(el("p", { id: "holds", "class": "hint" }));
  tick();
  offer.ticks = setInterval(tick, 1000);
}

function tick() {
  var left = Math.round((offer.until - Date.now()) / 1000);
  if (left > 0) { by("holds").textContent = t("holds", { time: Math.floor(left / 60) + ":" + two(left % 60) }); return; }
  staleOffer();
  var foot = empty(by("offer-foot"));
  foot.appendChild(line(t("price_over"), "warning"));
  foot.appendChild(button("primary", t("price_again"), requote));
}

function stopCountdown() { clearInterval(offer.ticks); offer.ticks = null; }

// --- money is missing -----------------------------------------------------------------------------------------

// The missing part or more: chips are round, the field holds what is needed at least.
function topUpMissing(event) {
  var pressed = event.currentTarget, missing = offer.shown.missing;
  pressed.disabled = true;
  call("GET", "/wallet").then(function (doc) {
    pressed.disabled = false;
    openTopup(doc, missing.amount_minor, missing.currency);
  }, function (problem) { pressed.disabled = false; trouble(problem); });
}

// The top-up calls this when it is paid.
function refresh() { if (by("offer")) requote(); }

// --- yes ----------------------------------------------------------------------------------------------------

// The key is made of the quote: however often the button is hit, it is one charge.
function startCharge(event) {
  var pressed = event.currentTarget, one = offer.shown;
  stopCountdown();
  pressed.disabled = true;
  each("#kwh-less, #kwh-more", function (node) { node.disabled = true; });
  pressed.textContent = t("starting");
  call("POST", "/sessions", { quote_id: one.id }, "quote:" + one.id).then(function (session) {
    goTo({ session: session.id }, true);
    showLive(session);
  }, function (problem) {
    showKwh();
    pressed.disabled = false;
    pressed.textContent = t("start", { hold: amount(one.hold) });
    offer.ticks = setInterval(tick, 1000);
    // Silence may have been a yes: the charge is found, or the same yes is said again.
    if (problem.status === 0) findRunning(function () { complain(problem.message); });
    else if (problem.code === "you_are_charging") findRunning(function () { trouble(problem); });
    else if (problem.status === 402 || problem.code === "quote_expired") { requote(); complain(problem.message); }
    else trouble(problem);
  });
}
