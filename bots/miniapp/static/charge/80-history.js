// The charges of the past: a month, a station, and the same as a table to take along.

var past = { next: null, busy: false, turn: 0 }, PAST = 20, MONTHS = 24;

function monthName(year, month) {
  try { return new Intl.DateTimeFormat(lang, { year: "numeric", month: "long" }).format(new Date(year, month, 1)); } catch (_) { return year + "-" + two(month + 1); }
}

function fillMonths() {
  var now = new Date(), box = by("month");
  for (var back = 0; back < MONTHS; back++) {
    var first = new Date(now.getFullYear(), now.getMonth() - back, 1);
    box.appendChild(el("option", { value: first.getFullYear() + "-" + two(first.getMonth() + 1) }, monthName(first.getFullYear(), first.getMonth())));
  }
}

function filterQuery() {
  var query = new URLSearchParams(), month = by("month").value, station = by("station").value.trim();
  if (month) {
    var last = new Date(Number(month.slice(0, 4)), Number(month.slice(5)), 0);
    query.set("since", month + "-01");
    query.set("until", month + "-" + two(last.getDate()));
  }
  if (station) query.set("station", station);
  return query;
}

function showPast() {
  past = { next: null, busy: false, turn: past.turn + 1 };
  complain("");
  by("csv").href = "/api/v1/sessions.csv?" + withLanguage(filterQuery());
  return morePast(true);
}

function withLanguage(query) { query.set("lang", lang); return query; }

function morePast(fromStart) {
  var mine = past, query = filterQuery();
  if (mine.busy) return Promise.resolve();
  mine.busy = true;
  query.set("limit", PAST);
  if (mine.next) query.set("before", mine.next);
  return call("GET", "/sessions?" + query).then(function (doc) {
    if (mine !== past) return;
    if (fromStart) empty(by("past"));
    doc.sessions.forEach(function (one) { by("past").appendChild(pastNode(one)); });
    mine.next = doc.next;
    mine.busy = false;
    by("past-more").hidden = !doc.next;
    by("past-none").hidden = by("past").children.length > 0;
    by("csv-box").hidden = !by("past").children.length;
  }, function (problem) {
    if (mine === past) mine.busy = false;
    throw problem;
  });
}

function pastNode(one) {
  var goes = one.view.goes_on, page = goes ? "/charge?session=" + encodeURIComponent(one.id) + "&" : "/receipts/" + encodeURIComponent(one.id) + "?";
  return el("li", {}, el("a", { href: page + "lang=" + lang },
    el("span", { "class": "line-top" }, el("b", {}, one.station), el("b", { "class": "figure" }, one.charged ? amount(one.charged) : "")),
    el("span", { "class": "detail" }, joined([minute(one.created_at), one.energy_kwh && t("kwh_value", { n: one.energy_kwh }), one.text]))));
}

// A link cannot carry the token that Telegram's frame needs instead of a cookie.
function takeTable(event) {
  if (!token()) return;
  event.preventDefault();
  fetch(by("csv").href, { headers: { Authorization: "Bearer " + token() } }).then(function (answer) {
    if (!answer.ok) throw new Error();
    return answer.blob();
  }).then(function (blob) {
    var link = el("a", { href: URL.createObjectURL(blob), download: "kilowatch.csv" });
    document.body.appendChild(link);
    link.click();
    document.body.removeChild(link);
  }).catch(function () { complain(t("trouble")); });
}
