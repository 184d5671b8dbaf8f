// Watching prices: the wishes of a station or an area open where they are tapped; what shows them is fetched then.

window.kilowatch.icon = icon;
window.kilowatch.asMe = asMe;
window.kilowatch.loggedIn = function () { return !!(account.me || keptToken() || cookie("kilowatch_csrf")); };
window.kilowatch.known = function () { return !!account.me; };

function watchPart(one) {
  var box = part("");
  box.appendChild(watchButton("watch_price", function (button) {
    window.kilowatch.watching.station(box, button, one.id, state.point && here());
  }));
  return box;
}

// The nearest station names an area that was not typed.
function areaPart(list) {
  var box = el("div", { "class": "watch-area" });
  box.appendChild(watchButton("watch_area", function (button) {
    var near = state.rows.reduce(function (best, one) { return best && best.distance_m <= one.distance_m ? best : one; }, null);
    window.kilowatch.watching.area(box, button, {
      point: here(), radius_m: list.radius_m, label: (state.label || {}).place || near.name, rows: state.rows, filters: filterPairs(),
    });
  }));
  return box;
}

function here() { return { lat: Number(state.point.lat.toFixed(6)), lng: Number(state.point.lng.toFixed(6)), datum: datum }; }

function watchButton(key, open) {
  var button = el("button", { type: "button", "class": "button small watch-open", "aria-expanded": "false" }, icon("bell"), el("span", {}, t(key)));
  button.addEventListener("click", function () {
    button.disabled = true;
        function then(text) { button.disabled = false; button.lastChild.textContent = text; }
    fetched("watching", function () { then(t(key)); open(button); }, function () { then(t("offline")); });
  });
  return button;
}
