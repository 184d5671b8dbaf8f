// The price over time: what draws it is fetched when the first station is opened, so that the list comes sooner.

window.kilowatch = { el: el, t: t, ask: ask, joined: joined, empty: empty, lang: function () { return lang; } };

function pricesPart(one) {
  if (!one.connectors.some(function (gun) { return gun.tariff_id; })) return null;
  var box = part(t("prices")), kwh = state.kwh;
  drawingTool(function () { window.kilowatch.prices(box, one.id, kwh); }, function () { box.appendChild(el("p", { "class": "soft" }, t("offline"))); });
  return box;
}

function drawingTool(ready, failed) {
  if (window.kilowatch.prices) { ready(); return; }
  var script = el("script", { src: start.prices.js });
  script.addEventListener("load", ready);
  script.addEventListener("error", failed);
  document.head.appendChild(el("link", { rel: "stylesheet", href: start.prices.css }));
  document.head.appendChild(script);
}
