// The sheet of one station.

function showStation(one) {
  var node = empty(by("station"));
  var close = el("button", { type: "button", "class": "round", "aria-label": t("close"), onclick: closeSheet }, icon("close"));
  node.appendChild(el("div", { "class": "sheet-top" },
    el("div", {},
      el("h2", { id: "station-name", tabindex: "-1" }, one.name),
      el("p", {}, joined([one.operator.name, one.text.distance]))),
    close));
  var body = el("div", { "class": "sheet-body" });
  [pricePart(one), watchPart(one), dayPart(one), pricesPart(one), gunsPart(one), placePart(one), mapsPart(one), sourcePart(one)].forEach(function (part) {
    if (part) body.appendChild(part);
  });
  node.appendChild(body);
}

function part(title) { return el("section", { "class": "part" }, title && el("h3", {}, title)); }

function pricePart(one) {
  var box = part("");
  if (one.price) {
    box.appendChild(el("p", { "class": "big" }, el("strong", {}, one.text.price), el("span", {}, one.text.price_for)));
    [one.text.per_kwh, one.text.parts, one.text.next_change, one.text.price_age].forEach(function (line) {
      if (line) box.appendChild(el("p", { "class": "soft" }, line));
    });
  } else {
    box.appendChild(el("p", {}, one.no_price.text));
  }
  one.also_sold.forEach(function (line) { box.appendChild(el("p", { "class": "soft" }, line)); });
  box.appendChild(el("p", {}, el("span", { "class": gunsClass(one) }, one.text.guns)));
  box.appendChild(el("p", { "class": "soft" }, joined([one.text.power, one.text.plugs, one.text.minutes])));
  return box;
}

// The day as bars: height is the price, the darker bar holds now. The same is said in words for who cannot see it.
function dayPart(one) {
  var quoted = one.connectors.filter(function (gun) { return gun.tariff_id && one.tariffs[gun.tariff_id]; })[0];
  if (!quoted) return null;
  var periods = one.tariffs[quoted.tariff_id].periods.filter(function (period) { return period.per_kwh !== null; });
  if (periods.length < 2) return null;
  var dearest = Math.max.apply(null, periods.map(function (period) { return Number(period.per_kwh); })) || 1;
  var words = periods.map(function (period) { return period.from + "–" + period.to + " " + period.text; }).join(", ");
  var chart = el("svg", { "class": "day", viewBox: "0 0 336 116", role: "img", "aria-label": t("price_today") + ": " + words });
  periods.forEach(function (period) {
    var left = minutes(period.from) * 336 / 1440, right = minutes(period.to) * 336 / 1440;
    var height = 12 + 62 * Number(period.per_kwh) / dearest;
    var kind = period.now ? "now" : "";
    chart.appendChild(el("rect", { "class": kind, x: left + 1, y: 96 - height, width: Math.max(right - left - 2, 1), height: height, rx: 3 }));
    if (right - left > 34) {
      chart.appendChild(el("text", { "class": kind, x: (left + right) / 2, y: 90 - height, "text-anchor": "middle" }, period.text));
    }
  });
  ["00:00", "06:00", "12:00", "18:00", "24:00"].forEach(function (hour, place) {
    var anchor = place === 0 ? "start" : place === 4 ? "end" : "middle";
    chart.appendChild(el("text", { x: place * 84, y: 112, "text-anchor": anchor }, hour));
  });
  var box = part(t("price_today"));
  box.appendChild(chart);
  var now = periods.filter(function (period) { return period.now; })[0];
  if (now) box.appendChild(el("p", { "class": "soft" }, t("price_now", { price: now.from + "–" + now.to + "  " + now.text })));
  return box;
}

function minutes(clock) { return Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3)); }

// "01" reads better as "Gun 01"; a label in words says it itself.
function named(label, gun) {
  if (!label) return gun.text.plug;
  return /^[0-9A-Za-z-]{1,6}$/.test(label) ? t("gun", { label: label }) : label;
}

function gunsPart(one) {
  var list = el("ul", { "class": "guns-list" });
  one.connectors.forEach(function (gun) {
    var label = gun.label || gun.pile;
    var title = named(label, gun) + (gun.count > 1 ? " × " + gun.count : "");
    list.appendChild(el("li", {},
      el("span", {}, title, el("br"), el("small", {}, joined([label && gun.text.plug, gun.text.power, gun.text.per_kwh]))),
      el("span", { "class": "state " + gun.status }, gun.text.status, gun.text.age && el("small", {}, gun.text.age))));
  });
  var box = part(t("guns"));
  box.appendChild(list);
  if (one.label_url && /^https?:/.test(one.label_url)) {
    box.appendChild(el("a", { "class": "button small labels", href: one.label_url, target: "_blank", rel: "noopener" }, icon("scan"), t("label")));
    box.appendChild(el("p", { "class": "hint" }, t("label_why")));
  }
  if (one.connectors_left_out) box.appendChild(el("p", { "class": "soft" }, t("guns_more", { n: one.connectors_left_out })));
  return box;
}

function placePart(one) {
  var box = part("");
  function fact(title, value) {
    if (!value) return;
    if (title) box.appendChild(el("h3", {}, title));
    box.appendChild(el("p", {}, value));
    box.lastChild.style.marginBottom = title ? "10px" : "4px";
  }
  // These say themselves what they are.
  fact("", one.address);
  fact("", one.hours);
  fact("", one.parking.text);
  if (one.facilities.length) {
    var tags = el("p", { "class": "tags" });
    one.facilities.forEach(function (name) { tags.appendChild(el("span", {}, t("facility." + name))); });
    fact(t("filter_facility"), tags);
  }
  fact(t("guide"), one.guide);
  fact(t("price_text"), one.price_text);
  // Only digits and what stands between them: a phone link is the one place where supplier text would act.
  fact(t("phone"), one.phone && (/^[+\d][\d\s()/-]{2,30}$/.test(one.phone)
    ? el("a", { href: "tel:" + one.phone.replace(/[^+\d]/g, "") }, one.phone) : one.phone));
  return box;
}

function mapsPart(one) {
  var box = part("");
  function link(map, kind, text) {
    return el("a", { "class": kind, href: map.url, target: "_blank", rel: "noopener noreferrer" }, text);
  }
  var main = link(one.maps[0], "button primary", t("open_in", { map: one.maps[0].name }));
  main.style.width = "100%";
  box.appendChild(main);
  box.appendChild(el("h3", {}, t("other_maps")));
  box.lastChild.style.marginTop = "16px";
  var others = el("div", { "class": "map-links" });
  one.maps.slice(1).forEach(function (map) { others.appendChild(link(map, "button", map.name)); });
  box.appendChild(others);
  return box;
}

function sourcePart(one) {
  var box = part("");
  var said = el("span", {}, t("share"));
  var share = el("button", { type: "button", "class": "button small", onclick: function () { shareStation(one, said); } }, icon("share"), said);
  box.appendChild(share);
  var owed = one.credits.concat(one.licence ? [one.licence] : []);
  if (owed.length) box.appendChild(el("p", { "class": "hint" }, t("source", { names: owed.join(" · ") })));
  return box;
}

function shareStation(one, said) {
  var url = location.origin + stationAddress(one.id);
  if (navigator.share) { navigator.share({ title: one.name, url: url }).catch(function () { /* the person closed it */ }); return; }
  var field = el("textarea", { readonly: "", "class": "quiet" });
  field.value = url;
  by("station").appendChild(field);
  field.select();
  if (document.execCommand("copy")) said.textContent = t("copied");
  by("station").removeChild(field);
}
