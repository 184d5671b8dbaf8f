// The price over time: what draws it is fetched when the first station is opened, so that the list comes sooner.

window.kilowatch = { el: el, t: t, ask: ask, joined: joined, perKwh: perKwh, empty: empty, lang: function () { return lang; } };

function pricesPart(one) {
  if (!one.connectors.some(function (gun) { return gun.tariff_id; })) return null;
  var box = part(t("prices")), kwh = state.kwh;
  fetched("prices", function () { window.kilowatch.prices(box, one.id, kwh); }, function () { box.appendChild(el("p", { "class": "soft" }, t("offline"))); });
  return box;
}

// What is not needed for the list: "prices" draws, "watching" shows what can be wished.
function fetched(name, ready, failed) {
  if (window.kilowatch[name]) { ready(); return; }
  var script = el("script", { src: start[name].js });
  script.addEventListener("load", ready);
  script.addEventListener("error", failed);
  document.head.appendChild(el("link", { rel: "stylesheet", href: start[name].css }));
  document.head.appendChild(script);
}
