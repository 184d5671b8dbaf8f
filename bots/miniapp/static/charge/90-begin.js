// Where the address leads: a scan, a charge, the scanner, or the charges of the past. Each needs a login.

function inside() {
  document.body.classList.remove("waiting");
  by("login").hidden = true;
}

function failed(problem) {
  if (problem.status !== 401) { document.body.classList.remove("waiting"); complain(problem.message, enter); return; }
  if (by("scan")) by("scan").hidden = true;
  enterByItself().then(function (entered) {
    if (entered) enter(); else showLogin(enter);
  });
}

function findRunning(otherwise) {
  return call("GET", RUNNING).then(function (doc) {
    inside();
    if (!doc.sessions.length) { otherwise(); return; }
    goTo({ session: doc.sessions[0].id }, true);
    showSession(doc.sessions[0].id);
  }, failed);
}

function enter() {
  complain("");
  if (!token() && !cookie("kilowatch_csrf")) { failed({ status: 401 }); return; }
  if (start.page === "charges") { showPast().then(function () { inside(); by("charges").hidden = false; }).catch(failed); return; }
  var query = new URLSearchParams(location.search), gun = query.get("gun");
  if (query.get("session")) call("GET", "/sessions/" + encodeURIComponent(query.get("session"))).then(function (one) { inside(); showLive(one); }, lost);
  else if (query.get("scan")) call("GET", "/guns/scans/" + encodeURIComponent(query.get("scan"))).then(function (scan) { inside(); SCREENS[scan.state](scan); }, lost);
  else findRunning(function () {
    showScanner();
    if (gun) resolveGun({ text: gun, source: "link" }); // one of our own links
  });
}

// An address from another time, or from somebody else.
function lost(problem) {
  if (problem.status !== 404) { failed(problem); return; }
  goTo({}, true);
  findRunning(function () { showScanner(); complain(problem.message); });
}

document.documentElement.classList.add("script");
if (start.page === "charge") {
  by("camera-on").addEventListener("click", openCamera);
  by("camera-off").addEventListener("click", closeCamera);
  by("torch").addEventListener("click", switchTorch);
  by("photo-take").addEventListener("change", takePhoto);
  by("photo-choose").addEventListener("change", takePhoto);
  by("type").addEventListener("submit", typeNumber);
  by("topup-form").addEventListener("submit", payIn);
  by("topup-other").addEventListener("input", function () {
    each("#topup-chips input", function (chip) { chip.checked = false; });
  });
  by("topup-currency").addEventListener("change", function () { fillChips(topupWay()); });
  window.addEventListener("popstate", function () { closeCamera(); showLanguage(); enter(); });
  window.addEventListener("pagehide", closeCamera);
} else {
  fillMonths();
  var typing = null, filterAgain = function () { showPast().catch(failed); };
  by("month").addEventListener("change", filterAgain);
  by("station").addEventListener("input", function () { clearTimeout(typing); typing = setTimeout(filterAgain, 400); });
  by("past-filter").addEventListener("submit", function (event) { event.preventDefault(); filterAgain(); });
  by("past-more").addEventListener("click", function () { morePast().catch(failed); });
  by("csv").addEventListener("click", takeTable);
}
showLanguage();
enter();
