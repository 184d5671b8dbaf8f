// A row of the list.

function gunsClass(one) {
  if (one.guns.free === null) return "guns unknown";
  return one.guns.free > 0 ? "guns free" : "guns none";
}

function rowNode(one, number, openStation) {
  var best = number === 1 && state.sort === "recommended" && one.price;
  var price = one.price
    ? el("span", { "class": "price" }, el("strong", {}, one.text.price),
      one.text.price_for && el("span", {}, one.text.price_for), one.text.per_kwh && el("span", {}, one.text.per_kwh))
    : null;
  var facts = el("span", { "class": "facts" });
  function fact(text, kind) { if (text) facts.appendChild(el("span", kind ? { "class": kind } : {}, text)); }
  facts.appendChild(el("span", {}, el("span", { "class": gunsClass(one) }, one.text.guns),
    " · " + joined([one.text.power, one.text.plugs])));
  fact(one.price ? one.text.parts : one.no_price.text);
  fact(joined([one.text.next_change, one.text.price_age]));
  if (one.open_now === false) fact(one.hours, "closed");
  var link = el("a", { "class": "row-link", href: stationAddress(one.id) },
    best && el("span", { "class": "badge" }, t("best")),
    el("span", { "class": "row-top" },
      el("span", { "class": "rank" }, number),
      el("span", { "class": "row-main" },
        el("span", { "class": "name" }, one.name),
        el("span", { "class": "by" }, joined([one.operator.name, one.text.distance]))),
      price),
    facts,
    el("span", { "class": "reason" }, one.reason.text));
  link.addEventListener("click", function (event) {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    openStation(one.id);
  });
  return el("li", { "class": best ? "card row first" : "card row", "data-id": one.id }, link);
}

function bones() {
  var rows = empty(by("rows"));
  for (var i = 0; i < 4; i++) {
    var box = el("div", { "class": "row-link" });
    [60, 35, 80].forEach(function (width) {
      var bone = el("span", { "class": "bone" });
      bone.style.width = width + "%";
      box.appendChild(bone);
    });
    rows.appendChild(el("li", { "class": "card row", "aria-hidden": "true" }, box));
  }
}

function stationAddress(id) { return "/?station=" + encodeURIComponent(id) + "&lang=" + lang; }
