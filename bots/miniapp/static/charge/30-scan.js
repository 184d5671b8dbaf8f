// The scanner: the camera where the browser gives one, a photo, or the number typed.

// Most codes are found in the first seconds. Afterwards less often: a minute stays below what one person may send.
var CAMERA_MS = 60000, FRAME_EVERY_MS = 1000, QUICK_FRAMES = 8, SLOW_FRAME_MS = 1200;
var camera = { stream: null, track: null, ends: null, next: null, turn: 0, frames: 0, lit: false };
var kept = { photo: null }; // the picture of the last scan, for a report: only here, until the next one

// WeChat's browser opens the camera for its own scanner alone.
function hasCamera() {
  return !!(navigator.mediaDevices && navigator.mediaDevices.getUserMedia) && !/MicroMessenger/i.test(navigator.userAgent);
}

function note(sentence) { by("finder-note").textContent = sentence; }

function showScanner() {
  closeCamera();
  leaveStep();
  by("scan").hidden = false;
  by("finder").hidden = !hasCamera();
  by("scan-head").focus();
  startIfAllowed();
}

// Who has allowed the camera before need not tap again.
function startIfAllowed() {
  if (!hasCamera() || !navigator.permissions || !navigator.permissions.query) return;
  navigator.permissions.query({ name: "camera" }).then(function (permission) {
    if (permission.state === "granted" && !by("scan").hidden) openCamera();
  }).catch(function () { /* this browser does not say */ });
}

// --- the camera -------------------------------------------------------------------------------------------

function openCamera() {
  if (camera.stream) return;
  var mine = ++camera.turn, wanted = { facingMode: { ideal: "environment" }, width: { ideal: 1920 }, height: { ideal: 1080 } };
  complain("");
  by("camera-on").hidden = true;
  by("camera-off").hidden = false;
  note(t("camera_opens"));
  navigator.mediaDevices.getUserMedia({ audio: false, video: wanted }).then(function (stream) {
    if (mine !== camera.turn) { stopTracks(stream); return; }
    camera.stream = stream;
    camera.track = stream.getVideoTracks()[0];
    by("video").srcObject = stream;
    by("video").play().catch(function () { /* it plays by itself */ });
    by("torch").hidden = !hasTorch();
    camera.ends = setTimeout(function () { closeCamera(); say(t("camera_tired")); }, CAMERA_MS);
    camera.frames = 0;
    note(t("place_asked"));
    findPlace().then(function () { if (mine === camera.turn) { note(t("looking")); sendFrame(mine); } });
  }, function (problem) {
    if (mine !== camera.turn) return;
    closeCamera();
    complain(t(problem && problem.name === "NotAllowedError" ? "camera_denied" : "camera_none"));
  });
}

function stopTracks(stream) { stream.getTracks().forEach(function (track) { track.stop(); }); }

function closeCamera() {
  camera.turn++;
  clearTimeout(camera.ends);
  clearTimeout(camera.next);
  if (camera.stream) stopTracks(camera.stream);
  camera.stream = camera.track = null;
  camera.lit = false;
  by("video").srcObject = null;
  by("torch").hidden = true;
  by("torch").setAttribute("aria-pressed", "false");
  by("camera-on").hidden = false;
  by("camera-off").hidden = true;
  note("");
}

function hasTorch() {
  return !!(camera.track.getCapabilities && camera.track.getCapabilities().torch);
}

function switchTorch() {
  camera.lit = !camera.lit;
  by("torch").setAttribute("aria-pressed", String(camera.lit));
  camera.track.applyConstraints({ advanced: [{ torch: camera.lit }] }).catch(function () { by("torch").hidden = true; });
}

// One picture at a time: the next is taken when the answer to the last one is there.
function sendFrame(mine) {
  var began = Date.now(), every = camera.frames < QUICK_FRAMES ? FRAME_EVERY_MS : SLOW_FRAME_MS;
  function again(sentence) {
    if (mine !== camera.turn) return;
    note(sentence);
    camera.next = setTimeout(function () { sendFrame(mine); }, Math.max(200, every - (Date.now() - began)));
  }
  if (!by("video").videoWidth) { again(t("looking")); return; }
  var picture;
  camera.frames++;
  frameOf(by("video")).then(function (blob) {
    picture = blob;
    return resolvePicture(blob);
  }).then(function (found) {
    if (mine !== camera.turn) return;
    kept.photo = picture;
    if (navigator.vibrate) navigator.vibrate(40);
    showCodes(found);
  }, function (problem) {
    if (mine !== camera.turn) return;
    if (problem.code === "code_empty" || problem.code === "too_many_requests") again(t("looking"));
    else if (problem.status === 0 || problem.status === 503) again(problem.message);
    else { closeCamera(); trouble(problem); }
  });
}

// --- a photo, a number --------------------------------------------------------------------------------------

function takePhoto(event) {
  var input = event.target, file = input.files && input.files[0];
  if (!file) return;
  closeCamera();
  complain("");
  working(true, t("reading"));
  var picture;
  Promise.all([shrunk(file), findPlace()]).then(function (both) {
    picture = both[0];
    return resolvePicture(picture);
  }).then(function (found) {
    kept.photo = picture;
    working(false);
    showCodes(found);
  }, function (problem) { working(false); trouble(problem); });
  input.value = ""; // the same photo may be chosen again
}

function typeNumber(event) {
  event.preventDefault();
  var text = by("number").value.trim();
  if (!text) { by("number").focus(); return; }
  by("number").blur();
  resolveGun({ text: text, source: "typed" });
}

// {text, source}, or {gun} as a station's card names it.
function resolveGun(asked) {
  closeCamera();
  complain("");
  kept.photo = null;
  working(true, t("looking_up"));
  findPlace().then(function (here) {
    return call("POST", "/guns/resolve", withPlace(asked, here));
  }).then(function (found) { working(false); showCodes(found); }, function (problem) { working(false); trouble(problem); });
}

function withPlace(body, here) {
  if (here) ["lat", "lng", "accuracy_m"].forEach(function (name) { body[name] = here[name]; });
  return body;
}

function resolvePicture(blob) {
  var form = new FormData(), fields = withPlace({}, fresh() ? place.found : null);
  form.append("image", blob, "code.jpg");
  Object.keys(fields).forEach(function (name) { form.append(name, fields[name]); });
  return call("POST", "/guns/resolve", form);
}

function working(busy, sentence) {
  each("#scan button, #scan input", function (node) { node.disabled = busy; });
  by("scan").setAttribute("aria-busy", String(busy));
  say(busy ? sentence : "");
}

function trouble(problem) {
  if (problem.status === 401) { leaveStep(); failed(problem); return; }
  complain(problem.message);
  by("alert").scrollIntoView(false);
}
