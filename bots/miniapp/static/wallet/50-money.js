// Money, moments, and requests that change something: those carry the CSRF token and, once per wish, a key.

function places(currency) {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency: currency }).resolvedOptions().maximumFractionDigits;
  } catch (_) { return 2; }
}

function amount(money) {
  var digits = places(money.currency), value = money.amount_minor / Math.pow(10, digits);
  try {
    var shown = { style: "currency", currency: money.currency, minimumFractionDigits: digits, maximumFractionDigits: digits };
    return new Intl.NumberFormat(lang, shown).format(value).replace("CN¥", "¥");
  } catch (_) { return value.toFixed(digits) + " " + money.currency; }
}

function signed(money) {
  if (money.amount_minor < 0) return "−" + amount({ amount_minor: -money.amount_minor, currency: money.currency });
  return (money.amount_minor ? "+" : "") + amount(money);
}

// What a person typed: null for what is no amount of this currency.
function typedAmount(text, currency) {
  var found = /^\s*(\d{1,9})(?:[.,](\d{1,3}))?\s*$/.exec(text.replace(/[¥€$£元]/g, ""));
  var digits = places(currency), part = found && (found[2] || "").replace(/0+$/, "");
  if (!found || part.length > digits) return null;
  while (part.length < digits) part += "0";
  var minor = parseInt(found[1] + part, 10);
  return minor > 0 ? { amount_minor: minor, currency: currency } : null;
}

function two(n) { return (n < 10 ? "0" : "") + n; }
function day(at) { var d = new Date(at); return d.getFullYear() + "-" + two(d.getMonth() + 1) + "-" + two(d.getDate()); }
function minute(at) { var d = new Date(at); return day(at) + " " + two(d.getHours()) + ":" + two(d.getMinutes()); }

function newKey() {
  var bytes = new Uint8Array(16);
  crypto.getRandomValues(bytes);
  return "page-" + Array.prototype.map.call(bytes, function (b) { return (b < 16 ? "0" : "") + b.toString(16); }).join("");
}

function cookie(name) {
  var found = document.cookie.split("; ").filter(function (one) { return one.indexOf(name + "=") === 0; })[0];
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

// Inside Telegram's frame no cookie of ours lasts: the token stays in this tab, where the list page keeps it too.
var TOKEN = "kilowatch.token", heldToken = "";
function token() { try { return sessionStorage.getItem(TOKEN) || heldToken; } catch (_) { return heldToken; } }
function keepToken(value) { heldToken = value; try { sessionStorage.setItem(TOKEN, value); } catch (_) { /* private mode */ } }

var UPLOAD_MS = 40000;

// Resolves to the answer; rejects with {status, code, message}. A body is JSON, or a form with a picture in it.
function call(method, path, body, key) {
  var headers = { Accept: "application/json" }, form = body instanceof FormData;
  if (token()) headers.Authorization = "Bearer " + token();
  else headers["X-CSRF-Token"] = cookie("kilowatch_csrf");
  if (body && !form) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  var url = "/api/v1" + path + (path.indexOf("?") < 0 ? "?" : "&") + "lang=" + encodeURIComponent(lang);
  var waiting = new Promise(function (_, reject) {
    setTimeout(function () { reject({ status: 0, code: "offline", message: t("offline") }); }, form ? UPLOAD_MS : TIMEOUT_MS);
  });
  var asking = fetch(url, { method: method, headers: headers, body: form ? body : body ? JSON.stringify(body) : undefined, credentials: "same-origin" })
    .then(function (answer) {
      return answer.json().then(function (doc) {
        if (answer.ok) return doc;
        var said = doc.error || {};
        throw { status: answer.status, code: said.code || "unknown", message: said.message || t("trouble") };
      }, function () { throw { status: answer.status, code: "unknown", message: t("trouble") }; });
    }, function () { throw { status: 0, code: "offline", message: t("offline") }; });
  return Promise.race([asking, waiting]);
}

function complain(sentence, again) {
  by("alert").hidden = !sentence;
  by("alert-text").textContent = sentence || "";
  by("alert-again").hidden = !again;
  by("alert-again").onclick = again || null;
}

function say(sentence) { by("status").textContent = sentence; }
