// A charge as it goes. It is asked for while somebody looks, and less often when nothing answers.

var STARTING = ["held", "starting", "start_unknown"], STARTING_MS = 2000, GOING_MS = 6000, ENDED_MS = 15000, MOST_WAIT_MS = 60000;
var live = { id: "", shown: null, timer: null, failures: 0, turn: 0 };

function stopLooking() {
  clearTimeout(live.timer);
  live.turn++;
  live.id = "";
}

function showSession(id) {
  call("GET", "/sessions/" + encodeURIComponent(id)).then(function (one) { showLive(one); }, function (problem) {
    if (problem.status === 404) { goTo({}, true); showScanner(); }
    trouble(problem);
  });
}

function showLive(one) {
  step("live", bare(one.view.title), [el("div", { id: "live" }), el("p", { id: "live-note", "class": "warning", role: "status", hidden: "" }), el("div", { id: "live-foot", "class": "foot-bar" })]);
  by("step").querySelector("h1").setAttribute("aria-live", "polite");
  live.id = one.id;
  live.failures = 0;
  live.shown = null;
  showNow(one);
}

function showNow(one) {
  var before = live.shown, heading = by("step").querySelector("h1"), title = bare(one.view.title);
  live.shown = one;
  if (heading.textContent !== title) heading.textContent = title;
  var box = empty(by("live"));
  box.appendChild(line(one.view.lines[0], "about-name"));
  box.appendChild(one.view.goes_on ? meterCard(one) : resultCard(one));
  // Not at each look: a question that stands there would be wiped away.
  if (!before || before.state !== one.state || before.view.may_stop !== one.view.may_stop) showStop(one);
  if (one.view.goes_on) lookIn(pause(one));
  else showEnd(one);
}

function pause(one) {
  if (STARTING.indexOf(one.state) >= 0 || one.state === "stopping") return STARTING_MS;
  return one.state === "await_record" ? ENDED_MS : GOING_MS;
}

// With energy flowing the second line says what the large figures say, and the third what it costs so far.
function meterCard(one) {
  var card = el("div", { "class": "card live-card" }), used = one.cost_so_far, lines = one.view.lines.slice(1);
  var begins = STARTING.indexOf(one.state) >= 0;
  if (!begins && one.energy_kwh !== null) {
    var figures = el("div", { "class": "figures" });
    var figure = function (value, name) { figures.appendChild(el("div", {}, el("b", {}, value), el("span", {}, name))); };
    figure(Number(one.energy_kwh).toFixed(2), t("unit_kwh"));
    if (one.power_kw !== null) figure(Number(one.power_kw).toFixed(1), "kW");
    if (one.soc_percent !== null) figure(Math.round(Number(one.soc_percent)) + " %", t("battery"));
    card.appendChild(figures);
    lines.shift();
  }
  card.appendChild(line(lines.shift(), "live-first"));
  if (!begins && one.hold && one.hold.amount_minor) {
    var share = Math.min(100, Math.round(100 * (used ? used.amount_minor : 0) / one.hold.amount_minor));
    var full = el("i", {});
    full.style.width = share + "%";
    card.appendChild(el("div", { "class": share >= 80 ? "used near" : "used", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": share, "aria-label": t("hold_used") }, full));
  }
  if (begins) card.appendChild(el("div", { "class": "busy-bar", "aria-hidden": "true" }, el("i", {})));
  lines.forEach(function (text) { card.appendChild(line(plainLine(text), "live-line")); });
  return card;
}

// The bar of blocks is for chats; here it is drawn.
function plainLine(text) { return text.replace(/[▓░]+\s*/g, ""); }

// --- asking again -------------------------------------------------------------------------------------------

function lookIn(wait) {
  clearTimeout(live.timer);
  if (!document.hidden) live.timer = setTimeout(look, wait);
}

function look() {
  var mine = live.turn, id = live.id;
  clearTimeout(live.timer);
  if (!id) return;
  call("GET", "/sessions/" + encodeURIComponent(id)).then(function (one) {
    if (mine !== live.turn) return;
    live.failures = 0;
    by("live-note").hidden = true;
    showNow(one);
  }, function (problem) {
    if (mine !== live.turn) return;
    if (problem.status === 401) { trouble(problem); return; }
    live.failures++;
    by("live-note").hidden = false;
    by("live-note").textContent = problem.status === 0 ? t("live_offline") : problem.message;
    lookIn(Math.min(MOST_WAIT_MS, STARTING_MS * Math.pow(2, live.failures)));
  });
}

document.addEventListener("visibilitychange", function () {
  if (document.hidden) { clearTimeout(live.timer); if (camera.stream) closeCamera(); return; }
  if (live.id) look();
  // Back from paying in another window or app.
  if (topup.order) lookAtOrder();
  else if (by("offer") && offer.shown && offer.shown.missing) requote();
});
window.addEventListener("online", function () { if (live.id) look(); });

// --- stopping -----------------------------------------------------------------------------------------------

function showStop(one) {
  var foot = empty(by("live-foot"));
  if (!one.view.may_stop) return;
  foot.appendChild(button("stop", t(one.state === "held" ? "stop_start" : "stop"), function () { confirmStop(one); }));
}

function confirmStop(one) {
  var foot = empty(by("live-foot"));
  foot.appendChild(line(t("stop_sure"), "lead"));
  var yes = el("button", { type: "button", "class": "button stop", onclick: function () {
    yes.disabled = no.disabled = true;
    call("POST", "/sessions/" + encodeURIComponent(one.id) + "/stop", {}).then(function () {
      live.shown = null;
      look();
    }, function (problem) { yes.disabled = no.disabled = false; trouble(problem); });
  } }, t("stop_yes"));
  var no = el("button", { type: "button", "class": "button", onclick: function () { showStop(live.shown); } }, t("stop_no"));
  foot.appendChild(el("div", { "class": "pair" }, no, yes));
  yes.focus();
}

// --- the end ------------------------------------------------------------------------------------------------

function resultCard(one) {
  var card = el("div", { "class": "card live-card" });
  // Why it did not start, or what was paid.
  var lines = one.view.lines.slice(1), chief = one.state === "start_failed" ? 0 : lines.length - 1;
  lines.forEach(function (text, n) { card.appendChild(line(text, n === chief ? "live-first" : "live-line")); });
  card.appendChild(el("div", { id: "bill" }));
  return card;
}

function showEnd(one) {
  var foot = by("live-foot");
  stopLooking();
  empty(foot);
  if (one.state === "start_failed") { showAlternatives(one, foot); return; }
  foot.appendChild(el("a", { "class": "button primary wide", href: "/receipts/" + encodeURIComponent(one.id) + "?lang=" + lang }, t("receipt")));
  call("GET", "/sessions/" + encodeURIComponent(one.id) + "/receipt").then(function (paper) {
    paper.notes.forEach(function (text, n) {
      by("bill").appendChild(line(text, paper.as_agreed === false && n === 0 ? "receipt-note differs" : "receipt-note"));
    });
  }, function () { /* the receipt itself says it */ });
  if (one.asks_opinion || one.opinion) foot.appendChild(opinionPart(one));
  foot.appendChild(el("a", { "class": "button wide", href: "/?lang=" + lang }, t("to_list")));
}

function showAlternatives(one, foot) {
  if (one.alternatives.length) {
    by("live").appendChild(el("h2", {}, t("alternatives")));
    one.alternatives.forEach(function (other) {
      by("live").appendChild(el("a", { "class": "card choice", href: "/?station=" + encodeURIComponent(other.id) + "&lang=" + lang },
        el("b", {}, other.name), el("span", { "class": "detail" }, joined([other.operator.name, distance(other.distance_m), t("guns_free", { n: other.free })])),
        el("span", { "class": "detail" }, other.price)));
    });
  }
  // The scan leads to a new price; the old one has been used.
  if (offer.scan) foot.appendChild(button("primary", t("same_gun"), function () { next(offer.scan); }));
  foot.appendChild(button(offer.scan ? "" : "primary", t("scan_again"), scanAgain));
  foot.appendChild(el("a", { "class": "button wide quiet-button", href: "/?lang=" + lang }, t("to_list")));
}

var OPINIONS = ["yes", "broken", "blocked", "price", "other"];

function opinionPart(one) {
  var box = el("fieldset", { "class": "opinion" }, el("legend", {}, t("opinion"))), chips = el("div", { "class": "chips" });
  var said = el("p", { "class": "hint", role: "status" });
  OPINIONS.forEach(function (value) {
    var input = el("input", { type: "radio", name: "opinion", value: value });
    input.checked = one.opinion === value;
    input.addEventListener("change", function () {
      call("POST", "/sessions/" + encodeURIComponent(one.id) + "/opinion", { promised: value, words: "" }).then(function (doc) {
        said.textContent = doc.text;
      }, function (problem) { input.checked = false; trouble(problem); });
    });
    chips.appendChild(el("label", { "class": "chip" }, input, el("span", {}, t("opinion." + value))));
  });
  box.appendChild(chips);
  box.appendChild(said);
  return box;
}
