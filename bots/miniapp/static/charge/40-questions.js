// One step at a time: a heading, what it is about, and large buttons. First the questions to a scan.

function leaveStep() {
  stopCountdown();
  stopLooking();
  by("step").hidden = true;
  empty(by("step"));
}

// Shows a step in place of whatever was there. The heading takes the focus, so that it is read aloud.
function step(name, heading, nodes) {
  closeCamera();
  complain("");
  say("");
  leaveStep();
  by("scan").hidden = true;
  var box = by("step");
  box.className = "step " + name;
  box.appendChild(el("h1", { tabindex: "-1" }, heading));
  nodes.forEach(function (node) { if (node) box.appendChild(node); });
  box.hidden = false;
  window.scrollTo(0, 0);
  box.firstChild.focus();
}

function button(kind, text, act) { return el("button", { type: "button", "class": "button wide " + kind, onclick: act }, text); }
// A chat marks its lines with little pictures; here headings and sizes do that, and not every machine has the pictures.
function bare(text) { return text.replace(/^(?:[\u231a-\u2bff]|[\ud83c\ud83d][\udc00-\udfff])\ufe0f?\s*/, ""); }
function line(text, kind) { return text ? el("p", kind ? { "class": kind } : {}, text) : null; }

// Each step has an address: a reload finds it again, and "back" leads to the scanner.
function goTo(pairs, instead) {
  var query = new URLSearchParams(pairs);
  query.set("lang", lang);
  if (instead) history.replaceState(null, "", "/charge?" + query);
  else history.pushState(null, "", "/charge?" + query);
  showLanguage();
}

// The other language leads to the same step.
function showLanguage() {
  var query = new URLSearchParams(location.search);
  query.set("lang", by("lang").lang);
  by("lang").href = location.pathname + "?" + query;
}

function scanAgain() { goTo({}); showScanner(); }

// Every answer to a question goes this way: the button rests until the answer is there.
function answer(pressed, path, body, done) {
  pressed.disabled = true;
  complain("");
  return call("POST", path, body || {}).then(done, function (problem) {
    pressed.disabled = false;
    trouble(problem);
    throw problem;
  }).catch(function () { /* said above */ });
}

// --- what a scan asks ---------------------------------------------------------------------------------------

// Several codes in one picture: those of guns are the ones to choose from.
function showCodes(found) {
  var guns = found.codes.filter(function (scan) { return scan.state !== "refused"; });
  if (guns.length < 2) { showScan(guns[0] || found.codes[0]); return; }
  step("which", t("which_code"), guns.map(function (scan) {
    return choice(scan.gun ? scan.gun.text : scan.text, scan.station, function () { showScan(scan); });
  }).concat([button("quiet-button", t("scan_again"), scanAgain)]));
}

var SCREENS = { which_gun: whichGun, ask_station: askStation, ask_last_four: askLastFour, refused: refused, passed: askOffer };

function showScan(scan, instead) {
  goTo({ scan: scan.id }, instead);
  SCREENS[scan.state](scan);
}

function choice(title, station, act) {
  return el("button", { type: "button", "class": "card choice", onclick: act },
    el("b", {}, title), station && el("span", { "class": "detail" }, joined([station.name, station.operator.name])));
}

function pathOf(scan, what) { return "/guns/scans/" + encodeURIComponent(scan.id) + "/" + what; }
function next(scan) { showScan(scan, true); }

function whichGun(scan) {
  step("which", t("which_gun"), [line(scan.problem && scan.problem.message, "lead")].concat(scan.choices.map(function (one) {
    return choice(one.gun.text, one.station, function (event) { answer(event.currentTarget, pathOf(scan, "choice"), { number: one.number }, next); });
  }), [button("quiet-button", t("scan_again"), scanAgain)]));
}

function askStation(scan) {
  var station = scan.station;
  step("ask", t("ask_station"), [
    el("div", { "class": "card about" }, el("b", { "class": "name" }, station.name), line(station.operator.name, "detail"),
      line(station.address, "detail"), scan.gun && line(scan.gun.text, "detail")),
    line(t("ask_station_why"), "lead"),
    button("primary", t("at_station"), function (event) { answer(event.currentTarget, pathOf(scan, "station"), {}, next); }),
    button("", t("not_at_station"), function () { refused(scan, t("not_there")); })]);
}

// A number too short to be asked about: only the place can tell.
function askPosition(scan) {
  step("ask", t("ask_position"), [line(scan.problem.message, "lead"),
    button("primary", t("ask_position_again"), function () {
      by("send-place").checked = true;
      place.found = null;
      showScanner();
      resolveGun({ text: scan.text, source: "typed" });
    }),
    button("quiet-button", t("scan_again"), scanAgain)]);
}

function askLastFour(scan) {
  if (scan.problem && scan.problem.code === "scan_ask_position") { askPosition(scan); return; }
  var typed = el("input", { id: "four", "class": "text four", type: "text", maxlength: "4", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", enterkeyhint: "go", "aria-label": t("last_four") });
  var go = el("button", { type: "submit", "class": "button primary wide" }, t("go_on"));
  var form = el("form", {}, typed, go);
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    if (typed.value.trim().length < 4) { typed.focus(); return; }
    complain("");
    go.disabled = true;
    call("POST", pathOf(scan, "last-four"), { characters: typed.value.trim() }).then(next, function (problem) {
      go.disabled = false;
      if (problem.code === "scan_wrong_number") refused(scan, problem.message);
      else { trouble(problem); typed.select(); }
    });
  });
  step("ask", t("last_four"), [scan.station && line(scan.station.name, "about-name"), line(t("last_four_why"), "lead"), form,
    button("quiet-button", t("scan_again"), scanAgain)]);
  typed.focus();
}

// --- refused ----------------------------------------------------------------------------------------------

function refused(scan, sentence) {
  step("refused", t("refused"), [
    line(sentence || (scan.problem && scan.problem.message), "warning"),
    scan.official && line(t("official", { host: scan.official }), "lead"),
    scan.text && el("details", {}, el("summary", {}, t("what_was_read")), line(scan.text, "code")),
    button("primary", t("scan_again"), scanAgain),
    button("", t("report"), function () { askReport(scan); })]);
}

function askReport(scan) {
  var words = el("textarea", { "class": "text", rows: "3", maxlength: "500", placeholder: t("report_hint"), "aria-label": t("report_hint") });
  var photo = el("input", { type: "checkbox" });
  photo.checked = true;
  step("ask", t("report"), [
    line(t("report_why"), "lead"), words,
    kept.photo && el("label", { "class": "check" }, photo, el("span", {}, t("report_photo"))),
    button("primary", t("report_send"), function (event) {
      var form = new FormData();
      form.append("words", words.value);
      if (kept.photo && photo.checked) form.append("image", kept.photo, "code.jpg");
      answer(event.currentTarget, pathOf(scan, "report"), form, function (said) {
        step("ask", t("reported"), [line(said.text, "lead"), line(t("reference", { reference: said.reference }), "detail"),
          button("primary", t("scan_again"), scanAgain)]);
      });
    }),
    button("quiet-button", t("scan_again"), scanAgain)]);
}
