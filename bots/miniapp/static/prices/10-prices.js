// What the guns of a station cost over time: a drawing, and the same in sentences for who cannot see it.

var page = window.kilowatch, el = page.el, t = page.t, empty = page.empty;
var SPANS = [1, 7, 30, 90], BY_DAY = 30, HOUR = 3600000, DAY = 24 * HOUR;
var PLOT = { left: 46, right: 344, top: 10, bottom: 158, width: 350, height: 184 };
var LEAST_BAND = 5, LEAST_RANGE = 0.12; // pixels; a price that hardly moves is not made to look as if it did

page.prices = function (box, stationId, kwh) {
  var shown = el("div", { "class": "prices", "aria-live": "polite" });
  var tabs = el("div", { "class": "segments spans", role: "radiogroup", "aria-label": t("prices") });
  var view = { id: stationId, kwh: kwh, days: 7, kind: 0, answers: {}, picks: {}, chosen: false, shown: shown };
  SPANS.forEach(function (days) {
    var pick = el("input", { type: "radio", name: "span", value: days, onclick: function () { pickSpan(view, days); } });
    pick.checked = days === view.days;
    view.picks[days] = pick;
    tabs.appendChild(el("label", {}, pick, el("span", {}, t("span." + days))));
  });
  box.appendChild(tabs);
  box.appendChild(shown);
  loadPrices(view);
};

function pickSpan(view, days) {
  view.chosen = true;
  view.days = days;
  view.picks[days].checked = true;
  loadPrices(view);
}

// Of a place that has been watched for less than two days only the day to come has something to show.
function isNew(doc) {
  var steps = doc.groups.length ? doc.groups[0].steps : [];
  var known = steps.filter(function (step) { return step.per_kwh !== null; })[0];
  return !!known && Date.parse(doc.end) - Date.parse(known.at) < 2 * DAY;
}

// Each span is asked for once while the sheet is open; an answer that comes when another tab is chosen waits there.
function loadPrices(view) {
  if (view.answers[view.days]) { showPrices(view); return; }
  var days = view.days;
  if (!view.shown.firstChild) view.shown.appendChild(el("span", { "class": "bone plot" }));
  page.ask("/stations/" + encodeURIComponent(view.id) + "/prices", [["days", days], ["kwh", view.kwh]]).then(function (doc) {
    view.answers[days] = doc;
    if (isNew(doc) && !view.chosen) { pickSpan(view, 1); return; }
    if (view.days === days) showPrices(view);
  }, function (sentence) {
    if (view.days !== days) return;
    empty(view.shown).appendChild(el("p", { "class": "soft" }, sentence));
    view.shown.appendChild(el("button", { type: "button", "class": "button small", onclick: function () { empty(view.shown); loadPrices(view); } }, t("again")));
  });
}

function showPrices(view) {
  var doc = view.answers[view.days], box = empty(view.shown);
  if (!doc.groups.length) { box.appendChild(el("p", { "class": "soft" }, t("prices_none"))); return; }
  var group = doc.groups[Math.min(view.kind, doc.groups.length - 1)], text = group.text;
  if (doc.groups.length > 1) box.appendChild(kindPicker(view, doc.groups));
  box.appendChild(el("p", { "class": "grade " + group.badge.grade }, text.badge));
  var plot = plotOf(doc, group);
  if (plot.heights.length) {
    var svg = drawing(doc, group, plot), read = el("p", { "class": "read", "aria-hidden": "true" });
    box.appendChild(read);
    box.appendChild(svg);
    box.appendChild(keys(plot));
    readOff(svg, plot, doc.time_zone, read);
  } else {
    box.appendChild(el("p", { "class": "soft" }, t("prices_empty")));
  }
  [text.now, text.parts, text.doubted, text.usual, text.lowest, text.cheapest].forEach(function (line) {
    if (line) box.appendChild(el("p", { "class": "soft" }, line));
  });
  if (text.advice) box.appendChild(el("p", { "class": "advice" }, text.advice));
  box.appendChild(el("p", { "class": "hint" }, text.rule));
}

function kindPicker(view, groups) {
  var select = el("select", { "aria-label": t("prices_kind") });
  groups.forEach(function (group, place) { select.appendChild(el("option", { value: place }, group.text.guns)); });
  select.value = view.kind;
  select.addEventListener("change", function () {
    view.kind = Number(select.value);
    showPrices(view);
    view.shown.querySelector("select").focus();
  });
  return el("div", { "class": "select" }, select);
}

// --- what is drawn ----------------------------------------------------------------------------------------

// Stretches of one price, [from, to, price]; bands and days as [from, to, low, high]. Times are milliseconds.
function plotOf(doc, group) {
  var start = Date.parse(doc.start), now = Date.parse(doc.end), byDay = doc.days >= BY_DAY;
  var plot = { start: start, now: now, end: doc.days === 1 && group.ahead.length ? now + DAY : now, byDay: byDay, line: [], ahead: [], band: [], bars: [], low: null };
  if (byDay) {
    group.by_day.forEach(function (day) {
      var from = Date.parse(day.start);
      if (day.low !== null) plot.bars.push([from, from + DAY, Number(day.low), Number(day.high)]);
      if (day.mean !== null) plot.line.push([from, from + DAY, Number(day.mean)]);
      if (day.usual_low !== null) plot.band.push([from, from + DAY, Number(day.usual_low), Number(day.usual_high)]);
    });
  } else {
    plot.line = stretches(group.steps, now);
    group.usual.forEach(function (hour) {
      var from = Date.parse(hour.at);
      if (hour.usual && from < plot.end) plot.band.push([Math.max(from, start), Math.min(from + HOUR, plot.end), Number(hour.usual.low), Number(hour.usual.high)]);
    });
  }
  if (plot.end > now) plot.ahead = stretches(group.ahead, plot.end);
  // Where it has never been another there is nothing to point at.
  if (group.lowest && group.steps.some(function (step) { return step.per_kwh !== null && step.per_kwh !== group.lowest.per_kwh; })) plot.low = { at: Math.max(Date.parse(group.lowest.at), start), price: Number(group.lowest.per_kwh) };
  plot.heights = [];
  plot.line.concat(plot.ahead).forEach(function (one) { plot.heights.push(one[2]); });
  plot.band.concat(plot.bars).forEach(function (one) { plot.heights.push(one[2], one[3]); });
  plot.band = merged(plot.band);
  scale(plot);
  plot.money = moneyOf(group.currency);
  return plot;
}

// Neighbours that are alike are one: between two there would be a seam.
function merged(band) {
  var found = [];
  band.forEach(function (one) {
    var last = found[found.length - 1];
    if (last && last[1] === one[0] && last[2] === one[2] && last[3] === one[3]) last[1] = one[1];
    else found.push(one.slice());
  });
  return found;
}

function stretches(steps, end) {
  return steps.map(function (step, place) {
    var next = steps[place + 1];
    return [Date.parse(step.at), next ? Date.parse(next.at) : end, step.per_kwh === null ? null : Number(step.per_kwh)];
  }).filter(function (one) { return one[2] !== null; });
}

function scale(plot) {
  var low = Math.min.apply(null, plot.heights), high = Math.max.apply(null, plot.heights);
  var middle = (low + high) / 2, range = Math.max(high - low, LEAST_RANGE * high) || 1;
  plot.bottom = Math.max(middle - range * 0.8, 0); // more room below: there the lowest is named
  plot.top = middle + range * 0.62;
  plot.x = function (at) { return PLOT.left + (at - plot.start) / (plot.end - plot.start) * (PLOT.right - PLOT.left); };
  plot.y = function (price) { return PLOT.bottom - (price - plot.bottom) / (plot.top - plot.bottom) * (PLOT.bottom - PLOT.top); };
}

function moneyOf(currency) {
  try {
    var form = new Intl.NumberFormat(page.lang(), { style: "currency", currency: currency });
    return function (price) { return form.format(price).replace("CN¥", "¥"); };
  } catch (_) {
    return function (price) { return price.toFixed(2) + " " + currency; };
  }
}

// Steps of 1, 2 or 5, so that three to six lines stand in the field.
function roundPrices(low, high) {
  var rough = (high - low) / 4, tens = Math.pow(10, Math.floor(Math.log(rough) / Math.LN10));
  var every = [1, 2, 5, 10].map(function (n) { return n * tens; }).filter(function (n) { return n >= rough; })[0];
  var found = [];
  for (var n = Math.ceil(low / every); n * every <= high; n++) found.push(n * every);
  return found;
}

// Round times of the place's own clock: [moment, label].
function roundTimes(plot, days, zone) {
  var found = [], every = { 1: 12, 7: 24, 30: 24 * 7, 90: 24 * 21 }[days];
  try {
    var form = new Intl.DateTimeFormat("en-GB", { timeZone: zone, month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });
    for (var at = Math.ceil(plot.start / (HOUR / 4)) * HOUR / 4; at <= plot.end; at += HOUR / 4) {
      var said = {};
      form.formatToParts(at).forEach(function (piece) { said[piece.type] = Number(piece.value); });
      var hour = said.hour % 24;
      if (said.minute || (days === 1 ? hour % 12 : hour)) continue;
      found.push([at, hour ? "12:00" : said.month + "/" + said.day]);
      at += (every - 2) * HOUR; // not all of it: a clock may be put forward
    }
  } catch (_) { /* an old browser: the drawing does without */ }
  return found;
}

function drawing(doc, group, plot) {
  var text = group.text, words = [t("span." + doc.days), text.badge, text.now, text.usual, text.lowest, text.cheapest];
  var svg = el("svg", { "class": "plot", viewBox: "0 0 " + PLOT.width + " " + PLOT.height, role: "img", "aria-label": words.filter(Boolean).join(". ") });
  roundPrices(plot.bottom, plot.top).forEach(function (price) {
    svg.appendChild(el("line", { x1: PLOT.left, x2: PLOT.right, y1: plot.y(price), y2: plot.y(price) }));
    svg.appendChild(el("text", { x: PLOT.left - 6, y: plot.y(price) + 4, "text-anchor": "end" }, plot.money(price)));
  });
  roundTimes(plot, doc.days, doc.time_zone).forEach(function (tick) {
    var x = plot.x(tick[0]), hidden = x > PLOT.right - 12 || (plot.ahead.length && Math.abs(x - plot.x(plot.now)) < 34);
    if (!hidden) svg.appendChild(el("text", { x: x, y: PLOT.bottom + 18, "text-anchor": "middle" }, tick[1]));
  });
  plot.bars.forEach(function (bar) { svg.appendChild(box(plot, bar, "bar", 0, 1)); });
  plot.band.forEach(function (hour) { svg.appendChild(box(plot, hour, "band", LEAST_BAND, 0)); });
  if (plot.ahead.length) {
    svg.appendChild(el("line", { "class": "now", x1: plot.x(plot.now), x2: plot.x(plot.now), y1: PLOT.top, y2: PLOT.bottom }));
    svg.appendChild(el("text", { "class": "now", x: plot.x(plot.now), y: PLOT.bottom + 18, "text-anchor": "middle" }, t("prices_now")));
    svg.appendChild(el("path", { "class": "ahead", d: path(plot, plot.ahead) }));
  }
  svg.appendChild(el("path", { "class": "line", d: path(plot, plot.line) }));
  if (plot.low) {
    var x = plot.x(plot.low.at), till = plot.ahead.length ? plot.x(plot.now) - x : 0;
    var right = x > 250 || (till > 0 && till < 90); // not across the line of now
    svg.appendChild(el("circle", { "class": "low", cx: x, cy: plot.y(plot.low.price), r: 4.5 }));
    svg.appendChild(el("text", { "class": "low", x: right ? Math.min(x + 6, PLOT.right) : x - 4, y: plot.y(plot.low.price) + 19, "text-anchor": right ? "end" : "start" },
      t("prices_lowest", { price: plot.money(plot.low.price) })));
  }
  var last = plot.line[plot.line.length - 1];
  if (last && last[1] === plot.now && !plot.byDay) svg.appendChild(el("circle", { "class": "last", cx: plot.x(plot.now), cy: plot.y(last[2]), r: 4.5 }));
  return svg;
}

function box(plot, one, kind, least, gap) {
  var high = plot.y(one[3]), low = plot.y(one[2]), more = Math.max(least - (low - high), 0) / 2;
  var left = plot.x(one[0]), width = plot.x(one[1]) - left;
  return el("rect", { "class": kind, x: left, y: high - more, width: Math.max(width - gap, 1), height: low - high + 2 * more });
}

// Steps for prices that hold until the next; days are points in their middle, joined.
function path(plot, line) {
  var d = "", before = null;
  line.forEach(function (one) {
    var joins = before && before[1] === one[0], y = plot.y(one[2]).toFixed(1);
    if (plot.byDay) d += (joins ? "L" : "M") + plot.x((one[0] + one[1]) / 2).toFixed(1) + " " + y + (joins ? "" : "h.1");
    else d += (joins ? "V" + y : "M" + plot.x(one[0]).toFixed(1) + " " + y) + "H" + plot.x(one[1]).toFixed(1);
    before = one;
  });
  return d;
}

// A finger on the drawing reads off what it cost then.
function readOff(svg, plot, zone, read) {
  var form = null;
  try {
    form = new Intl.DateTimeFormat(page.lang(), { timeZone: zone, month: "numeric", day: "numeric", hour: plot.byDay ? undefined : "2-digit", minute: plot.byDay ? undefined : "2-digit", hour12: false });
  } catch (_) { return; }
  function show(event) {
    var box = svg.getBoundingClientRect();
    var at = plot.start + ((event.clientX - box.left) / box.width * PLOT.width - PLOT.left) / (PLOT.right - PLOT.left) * (plot.end - plot.start);
    function holds(one) { return one[0] <= at && at < one[1]; }
    var found = (plot.byDay ? plot.bars : plot.line.concat(plot.ahead)).filter(holds)[0];
    var prices = !found ? "" : plot.byDay && found[2] !== found[3] ? plot.money(found[2]) + "–" + plot.money(found[3]) : plot.money(found[2]);
    read.textContent = found ? page.joined([form.format(at), prices]) : "";
  }
  svg.addEventListener("pointerdown", show);
  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerleave", function () { read.textContent = ""; });
}

function keys(plot) {
  var line = el("p", { "class": "keys", "aria-hidden": "true" });
  function key(kind, text) { line.appendChild(el("span", { "class": "key " + kind }, text)); }
  key("line", t(plot.byDay ? "prices_mean" : "prices_line"));
  if (plot.band.length) key("band", t(plot.byDay ? "prices_usual" : "prices_band"));
  if (plot.ahead.length) key("ahead", t("prices_ahead"));
  return line;
}
