// The page: what is asked for, asking, and showing the answer.

var COARSE_M = 500, NUDGE_M = 100;
var KWH_STEPS = [5, 10, 15, 20, 25, 30, 35, 40, 50, 60, 70, 80, 100, 120, 150, 200];
var datum = start.tiles ? start.tiles.datum : "wgs84"; // everything the map shows comes in the datum of its tiles
var state = { point: null, device: null, label: null, mode: "balanced", sort: "recommended", kwh: 30, filters: [], rows: [], next: null, list: null };
var turn = 0; // answers to a question asked before the last one are dropped
var map = null;

function pointPairs() { return [["lat", state.point.lat.toFixed(6)], ["lng", state.point.lng.toFixed(6)], ["datum", datum]]; }

function wishPairs() { return [["kwh", state.kwh], ["mode", state.mode], ["texts", "true"]]; }

// --- finding the point ------------------------------------------------------------------------------------

// Takes a point of any datum to the one we search in; the server knows the shifts.
function settle(point, from) {
  if (from === datum) return Promise.resolve({ lat: point.lat, lng: point.lng });
  return ask("/places", [["q", point.lat.toFixed(6) + ", " + point.lng.toFixed(6)], ["datum", from]]).then(function (doc) {
    return doc.place.points[datum];
  });
}

function locate() {
  if (!navigator.geolocation) { complain(t("geo_failed")); return; }
  complain("");
  say(t("locating"));
  by("locate").disabled = true;
  navigator.geolocation.getCurrentPosition(function (found) {
    by("locate").disabled = false;
    by("q").value = "";
    by("gcj").checked = false;
    state.device = { lat: found.coords.latitude, lng: found.coords.longitude, accuracy: found.coords.accuracy };
    forgetAddress();
    settle(state.device, "wgs84").then(function (point) {
      state.point = point;
      state.label = { device: true };
      search();
      if (state.device.accuracy > COARSE_M) {
        complain(t("coarse", { distance: distance(state.device.accuracy) }), locate);
        by("wrong-box").hidden = false;
      }
    }, complain);
  }, function (problem) {
    by("locate").disabled = false;
    say("");
    complain(t(problem.code === 1 ? "geo_denied" : "geo_failed"), problem.code === 1 ? null : locate);
  }, { enableHighAccuracy: true, timeout: 12000, maximumAge: 30000 });
}

function typed(text) {
  state.device = null;
  complain("");
  busy();
  var mine = ++turn;
  ask("/places", [["q", text]]).then(function (doc) {
    if (mine !== turn) return;
    state.point = doc.place.points[datum];
    state.label = { place: text };
    history.replaceState(null, "", "/?q=" + encodeURIComponent(text) + "&lang=" + lang);
    search();
  }, function (sentence) { if (mine === turn) failed(sentence, function () { typed(text); }); });
}

// Positions are not left in the address, where they would be shared and kept.
function forgetAddress() { history.replaceState(null, "", "/?lang=" + lang); }

function nudge(side) {
  var north = side === "north" ? 1 : side === "south" ? -1 : 0, east = side === "east" ? 1 : side === "west" ? -1 : 0;
  var degrees = NUDGE_M / 111320;
  state.point = {
    lat: state.point.lat + north * degrees,
    lng: state.point.lng + east * degrees / Math.max(Math.cos(state.point.lat * Math.PI / 180), 0.01),
  };
  state.label = {};
  forgetAddress();
  search();
}

// --- searching --------------------------------------------------------------------------------------------

function busy() {
  document.body.className = "has-list";
  by("results").setAttribute("aria-busy", "true");
  if (!state.rows.length) { bones(); empty(by("foot")); }
  say(t("searching"));
}

function search(more) {
  if (!state.point) return;
  var mine = ++turn;
  if (!more) { busy(); complain(""); }
  var pairs = pointPairs().concat(wishPairs(), [["sort", state.sort], ["limit", start.rows]], filterPairs());
  if (more) pairs.push(["cursor", state.next]);
  ask("/stations", pairs).then(function (list) {
    if (mine === turn) showList(list, more);
  }, function (sentence) {
    if (mine === turn) failed(sentence, function () { search(more); });
  });
}

function failed(sentence, again) {
  by("results").setAttribute("aria-busy", "false");
  say("");
  if (!state.rows.length) { empty(by("rows")); empty(by("foot")); }
  complain(sentence, again);
}

// --- showing ----------------------------------------------------------------------------------------------

function say(sentence) { by("status").textContent = sentence; }

function complain(sentence, again) {
  by("alert").hidden = !sentence;
  by("alert-text").textContent = sentence || "";
  by("alert-again").hidden = !again;
  by("alert-again").onclick = again || null;
}

function showList(list, more) {
  var known = {}, rows = by("rows");
  if (!more) { state.rows = []; empty(rows); }
  state.rows.forEach(function (one) { known[one.id] = true; });
  var fresh = list.stations.filter(function (one) { return !known[one.id]; });
  fresh.forEach(function (one, place) { rows.appendChild(rowNode(one, state.rows.length + place + 1, openStation)); });
  state.rows = state.rows.concat(fresh);
  state.list = list;
  state.next = list.next;
  by("results").setAttribute("aria-busy", "false");
  by("controls").hidden = false;
  by("summary").hidden = false;
  by("map-toggle").hidden = !start.tiles || !window.PointerEvent;
  by("gcj-line").hidden = !(state.device && list.search.mainland_china);
  showWhere();
  showFoot(list);
  showMap();
  say(t("count", { n: list.total, distance: distance(list.radius_m) }));
  if (more && fresh.length) rows.children[state.rows.length - fresh.length].querySelector("a").focus();
}

function showWhere() {
  var label = state.label || {};
  var text = label.place ? t("near_place", { place: label.place }) : label.device ? t("near_you") : t("near_point");
  var accuracy = label.device && state.device.accuracy;
  var count = t("count", { n: state.list.total, distance: distance(state.list.radius_m) });
  if (accuracy) text += " " + t("accurate", { distance: distance(accuracy) });
  by("where").textContent = joined([text, count]);
}

function showFoot(list) {
  var foot = empty(by("foot"));
  if (list.next) foot.appendChild(el("button", { type: "button", "class": "button more", onclick: function () { search(true); } }, t("more")));
  list.notes.forEach(function (note) { foot.appendChild(el("p", { "class": "note" }, note)); });
  if (list.hidden && filterPairs().length) {
    foot.appendChild(el("button", { type: "button", "class": "button small more", onclick: function () { state.filters = []; showFilterCount(); search(); } }, t("clear_filters")));
  }
  if (state.rows.length) foot.appendChild(areaPart(list));
  if (list.credits.length) foot.appendChild(el("p", { "class": "credits" }, t("source", { names: list.credits.join(" · ") })));
}

function showMap() {
  if (by("map-box").hidden) return;
  if (!map) map = makeMap(by("map"), start.tiles, function () { by("search-here").hidden = false; });
  by("search-here").hidden = true;
  map.show(state.point, state.rows, openStation);
}

function showKwh() {
  by("kwh").textContent = t("kwh_value", { n: state.kwh });
  by("kwh-less").disabled = state.kwh <= KWH_STEPS[0];
  by("kwh-more").disabled = state.kwh >= start.kwh.most;
}

function stepKwh(up) {
  var next = KWH_STEPS.filter(function (one) { return up ? one > state.kwh : one < state.kwh; });
  if (!next.length) return;
  state.kwh = up ? next[0] : next[next.length - 1];
  remember("kwh", state.kwh);
  showKwh();
  clearTimeout(stepKwh.waits);
  stepKwh.waits = setTimeout(search, 350); // one question after a row of taps
}

// --- one station ------------------------------------------------------------------------------------------

function openStation(id, inAddress) {
  var pairs = wishPairs().concat(state.point ? pointPairs() : []);
  ask("/stations/" + encodeURIComponent(id), pairs).then(function (one) {
    complain("");
    showStation(one);
    if (!inAddress) history.pushState({ station: id }, "", stationAddress(id));
    openSheet(by("station"), leaveStation);
  }, function (sentence) { complain(sentence); by("alert").scrollIntoView(false); });
}

function leaveStation() {
  if (history.state && history.state.station) history.back();
  else forgetAddress();
}

window.addEventListener("popstate", function (event) {
  if (event.state && event.state.station) openStation(event.state.station, true);
  else if (sheet.open === by("station")) { sheet.closed = null; closeSheet(); }
});

// --- wiring -----------------------------------------------------------------------------------------------

function changeLanguage(event) {
  event.preventDefault();
  lang = lang === "en" ? "zh-CN" : "en";
  remember("lang", lang);
  speak();
  showKwh();
  if (state.point) search();
}

by("lang").addEventListener("click", changeLanguage);
by("locate").addEventListener("click", locate);
by("search").addEventListener("submit", function (event) {
  event.preventDefault();
  if (!by("q").value.trim()) { by("q").focus(); return; }
  by("q").blur();
  typed(by("q").value.trim());
});
each("[name=pick-mode]", function (choice) {
  choice.addEventListener("change", function () { state.mode = choice.value; remember("mode", choice.value); search(); });
});
by("sort").addEventListener("change", function () { state.sort = by("sort").value; search(); });
by("kwh-less").addEventListener("click", function () { stepKwh(false); });
by("kwh-more").addEventListener("click", function () { stepKwh(true); });
by("wrong").addEventListener("click", function () { by("wrong-box").hidden = !by("wrong-box").hidden; });
each("[data-nudge]", function (button) { button.addEventListener("click", function () { nudge(button.getAttribute("data-nudge")); }); });
by("gcj").addEventListener("change", function () {
  settle(state.device, by("gcj").checked ? "gcj02" : "wgs84").then(function (point) { state.point = point; search(); }, complain);
});
by("map-toggle").addEventListener("click", function () {
  var box = by("map-box"), button = by("map-toggle");
  box.hidden = !box.hidden;
  button.setAttribute("data-t", box.hidden ? "map" : "hide_map");
  button.textContent = t(button.getAttribute("data-t"));
  showMap();
});
by("search-here").addEventListener("click", function () {
  state.point = map.centre();
  state.label = {};
  forgetAddress();
  search();
});

// What the driver has told us in a chat is what the page begins with, unless they chose otherwise here.
function adopt(me) {
  var asked = start.asked;
  if (!asked.lang && !remembered("lang") && start.strings[me.language]) lang = me.language;
  if (!asked.kwh && !remembered("kwh")) state.kwh = Number(me.kwh);
  if (!asked.mode && !remembered("mode")) state.mode = me.mode;
  each("[name=pick-mode]", function (choice) { choice.checked = choice.value === state.mode; });
  speak();
  showKwh();
  if (state.point) search();
  asMe("GET", RUNNING).then(function (doc) { showRunning(by("charge"), doc); }, function () { /* the list needs no account */ });
}

function begin() {
  document.documentElement.classList.add("script");
  var asked = start.asked, kept = remembered("lang");
  if (!asked.lang && kept && start.strings[kept]) lang = kept;
  var mode = asked.mode || remembered("mode"), kwh = Number(asked.kwh || remembered("kwh"));
  if (start.strings.en["mode." + mode]) state.mode = mode;
  if (start.strings.en["sort." + asked.sort]) state.sort = asked.sort;
  if (kwh >= start.kwh.least && kwh <= start.kwh.most) state.kwh = kwh;
  NAMES.forEach(function (name) {
    var several = name === "plug" || name === "facility";
    (asked[name] ? several ? asked[name].split(",") : [asked[name]] : []).forEach(function (value) { state.filters.push([name, value]); });
  });
  each("[name=pick-mode]", function (choice) { choice.checked = choice.value === state.mode; });
  by("sort").value = state.sort;
  speak();
  showKwh();
  showFilterCount();
  if (start.station) {
    by("results").removeChild(by("plain-station"));
    showStation(start.station);
    openSheet(by("station"), leaveStation);
  }
  if (start.list) {
    // The first answer came with the page; only another language or another wish makes us ask again.
    var there = start.list.search;
    state.label = asked.q ? { place: asked.q } : {};
    settle({ lat: there.lat, lng: there.lng }, there.datum).then(function (point) {
      state.point = point;
      var same = lang === start.lang && datum === there.datum && String(state.kwh) === (asked.kwh || "30") && state.mode === (asked.mode || "balanced");
      if (same) showList(start.list); else search();
    }, complain);
  }
  logIn(adopt);
}

begin();
