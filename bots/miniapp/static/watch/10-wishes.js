// What can be wished about a station or an area: one tap opens it, the next one sets the watch and says what is watched.

var kit = window.kilowatch, el = kit.el, t = kit.t, empty = kit.empty;
var RADII_M = [1000, 2000, 5000, 10000], USUAL_PERCENT = 10, LOWEST_DAYS = 30;
var panels = 0;

kit.watching = { station: watchStation, area: watchArea };

// The box under a button, open; null where the tap has closed it. A tap after that begins afresh.
function panel(box, button) {
  var old = box.querySelector(".watch-panel");
  if (old) {
    box.removeChild(old);
    button.setAttribute("aria-expanded", "false");
    return null;
  }
  var node = el("div", { "class": "watch-panel", id: "watch-panel-" + ++panels });
  button.setAttribute("aria-expanded", "true");
  button.setAttribute("aria-controls", node.id);
  box.appendChild(node);
  return node;
}

function shownPrice(value, currency) {
  var shown = { style: "currency", currency: currency, minimumFractionDigits: 2, maximumFractionDigits: 4 };
  try { return new Intl.NumberFormat(kit.lang(), shown).format(Number(value)).replace("CN¥", "¥"); } catch (_) { return value + " " + currency; }
}

// "¥1,10" is "1.10"; null for what is no price.
function typedPrice(text) {
  var found = /^\s*(\d{1,5})(?:[.,](\d{1,4}))?\s*$/.exec(text.replace(/[¥€$£元]/g, ""));
  if (!found || !Number(found[1] + "." + (found[2] || "0"))) return null;
  return found[1] + (found[2] ? "." + found[2] : "");
}

// --- a station ----------------------------------------------------------------------------------------------

function watchStation(box, button, id, point) {
  var node = panel(box, button);
  if (node) askWishes(node, id, point, null);
}

function askWishes(node, id, point, guns) {
  kit.ask("/stations/" + encodeURIComponent(id) + "/wishes", guns ? [["guns", guns]] : []).then(function (doc) {
    var place = { station_id: id, guns: doc.guns.id };
    if (point) { place.lat = point.lat; place.lng = point.lng; place.datum = point.datum; }
    empty(node);
    if (doc.others.length) node.appendChild(kinds(doc, function (other) { askWishes(node, id, point, other); }));
    node.appendChild(el("p", { "class": "soft" }, doc.text));
    var own = doc.per_kwh && doc.currency ? { currency: doc.currency, value: "" } : null;
    choices(node, place, doc.wishes, own, id);
  }, function (sentence) { empty(node).appendChild(el("p", { "class": "watch-problem", role: "alert" }, sentence)); });
}

function kinds(doc, choose) {
  var list = el("select", { "class": "text" });
  [doc.guns].concat(doc.others).forEach(function (one) { list.appendChild(el("option", { value: one.id }, one.text)); });
  list.addEventListener("change", function () { choose(list.value); });
  return el("label", { "class": "watch-own" }, el("span", {}, t("watch_kind")), el("span", { "class": "select" }, list));
}

// --- an area ------------------------------------------------------------------------------------------------

function watchArea(box, button, asked) {
  var node = panel(box, button);
  if (!node) return;
  var area = { lat: asked.point.lat, lng: asked.point.lng, datum: asked.point.datum, radius_m: nearestRadius(asked.radius_m) };
  asked.filters.forEach(function (pair) {
    if (pair[0] === "plug") area.plugs = (area.plugs || []).concat([pair[1]]);
    if (pair[0] === "min_power_kw") area.min_power_kw = pair[1];
    if (pair[0] === "operator") area.operator = pair[1];
  });
  node.appendChild(radii(area));
  var wishes = [
    { rule: "below_usual", amount: String(USUAL_PERCENT), text: t("watch_usual", { n: USUAL_PERCENT }) },
    { rule: "lowest", amount: String(LOWEST_DAYS), text: t("watch_lowest", { n: LOWEST_DAYS }) },
  ];
  var priced = asked.rows.filter(function (one) { return one.price; });
  var currency = priced.length ? priced[0].price.total.currency : "";
  var best = Math.min.apply(null, priced.filter(function (one) { return one.price.total.currency === currency; }).map(function (one) { return Number(one.price.per_kwh); }));
  var own = currency ? { currency: currency, value: best > 0 ? (Math.floor(best * 95) / 100).toFixed(2) : "" } : null;
  choices(node, { area: area, label: asked.label.slice(0, 80) }, wishes, own, "");
}

function nearestRadius(radius_m) {
  return RADII_M.filter(function (one) { return one >= radius_m; })[0] || RADII_M[RADII_M.length - 1];
}

function radii(area) {
  var chips = el("div", { "class": "chips" });
  RADII_M.forEach(function (radius_m) {
    var pick = el("input", { type: "radio", name: "watch-radius", value: radius_m });
    pick.checked = radius_m === area.radius_m;
    pick.addEventListener("change", function () { area.radius_m = radius_m; });
    chips.appendChild(el("label", { "class": "chip" }, pick, el("span", {}, t("unit_km", { n: radius_m / 1000 }))));
  });
  return el("fieldset", {}, el("legend", {}, t("watch_within")), chips);
}

// --- choosing and setting -----------------------------------------------------------------------------------

function choices(node, place, wishes, own, stationId) {
  var said = el("div", { "class": "watch-problem", role: "alert" });
  function set(rule, amount) {
    var body = {};
    Object.keys(place).forEach(function (name) { body[name] = place[name]; });
    body.rule = rule;
    body.amount = amount;
    if (place.area && rule === "below") body.currency = own.currency;
    send(node, said, body, stationId);
  }
  node.appendChild(el("h3", {}, t("watch_when")));
  wishes.forEach(function (one) {
    node.appendChild(el("button", { type: "button", "class": "button wish", onclick: function () { set(one.rule, one.amount); } }, one.text));
  });
  if (own) node.appendChild(ownPrice(own, said, set));
  node.appendChild(said);
  node.scrollIntoView({ block: "nearest" });
}

function ownPrice(own, said, set) {
  var input = el("input", { "class": "text", type: "text", inputmode: "decimal", maxlength: "9", autocomplete: "off", placeholder: "1.10", value: own.value });
  var form = el("form", { "class": "watch-own" },
    el("label", {}, el("span", {}, t("watch_own") + " (" + kit.perKwh(own.currency) + ")"), input),
    el("button", { type: "submit", "class": "button" }, t("watch_set")));
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    var price = typedPrice(input.value);
    if (price) set("below", price);
    else { empty(said).appendChild(el("p", {}, t("watch_bad_price"))); input.focus(); }
  });
  return form;
}

function send(node, said, body, stationId) {
  empty(said);
  if (!kit.loggedIn()) { offerLogin(said, "", stationId); return; }
  lock(node, true);
  kit.asMe("POST", "/watches", body).then(function (made) { showMade(node, made, body, stationId); }, function (sentence) {
    lock(node, false);
    if (kit.known()) said.appendChild(el("p", {}, sentence));
    else offerLogin(said, sentence, stationId);
  });
}

function lock(node, locked) {
  Array.prototype.forEach.call(node.querySelectorAll("button, input, select"), function (one) { one.disabled = locked; });
}

// The page of one's own watches has the ways to log in; from a station it leads back there.
function offerLogin(said, sentence, stationId) {
  var back = stationId ? "then=" + encodeURIComponent(stationId) + "&" : "";
  if (sentence) said.appendChild(el("p", {}, sentence));
  said.appendChild(el("a", { "class": "button primary wide", href: "/watches?" + back + "lang=" + kit.lang() }, t("watch_login")));
  said.lastChild.focus();
}

function showMade(node, made, body, stationId) {
  var first = el("p", { "class": "watch-done", tabindex: "-1" }, kit.icon("check"), el("span", {}, made.lines[0]));
  empty(node).appendChild(first);
  made.lines.slice(1).forEach(function (line, place) { node.appendChild(el("p", { "class": place ? "soft" : "" }, line)); });
  if (made.offer) {
    var said = el("div", { "class": "watch-problem", role: "alert" });
    node.appendChild(el("button", { type: "button", "class": "button wish", onclick: function () {
      body.amount = made.offer;
      send(node, said, body, stationId);
    } }, t("watch_offer", { price: shownPrice(made.offer, made.currency) })));
    node.appendChild(said);
  }
  node.appendChild(el("p", { "class": "watch-told" }, made.told_where.text));
  var links = el("p", { "class": "watch-links" });
  if (!made.told_where.channels.length) links.appendChild(el("a", { href: "/watches?link=1&lang=" + kit.lang() }, t("watch_link")));
  links.appendChild(el("a", { href: "/watches?lang=" + kit.lang() }, t("watch_mine")));
  node.appendChild(links);
  first.focus();
}
