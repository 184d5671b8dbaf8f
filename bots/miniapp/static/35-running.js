// A charge that goes on, as one link that leads to it from every page.

var RUNNING = "/sessions?limit=1&state=held,starting,start_unknown,charging,stopping,stop_unknown";

// The link says what goes on; without a charge it stays as it was.
function showRunning(link, doc) {
  var one = doc.sessions[0];
  if (!one) return null;
  link.href = "/charge?session=" + encodeURIComponent(one.id) + "&lang=" + lang;
  empty(link);
  link.appendChild(el("span", {}, el("b", {}, one.view.title), el("small", {}, joined([one.station, one.energy_kwh && t("kwh_value", { n: one.energy_kwh })]))));
  link.classList.add("is-running");
  link.hidden = false;
  return one;
}
