// Small helpers: elements, sentences, numbers. Data from outside only ever becomes text.

var start = JSON.parse(document.getElementById("start").textContent);
var lang = start.lang;

function by(id) { return document.getElementById(id); }

function t(key, values) {
  var text = start.strings[lang][key] || key;
  Object.keys(values || {}).forEach(function (name) { text = text.split("{" + name + "}").join(values[name]); });
  return text;
}

// "CNY/kWh", on Chinese pages "元/度".
function perKwh(currency) {
  return t("watch_unit", { currency: lang === "zh-CN" && currency === "CNY" ? "元" : currency });
}

// el("p", {class: "note"}, "text", child, …): strings become text nodes, empty children are left out.
function el(tag, attributes) {
  var svg = /^(svg|rect|line|text|use|path|circle)$/.test(tag);
  var node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  Object.keys(attributes || {}).forEach(function (name) {
    if (name === "onclick") node.addEventListener("click", attributes[name]);
    else if (attributes[name] !== null && attributes[name] !== undefined) node.setAttribute(name, attributes[name]);
  });
  for (var i = 2; i < arguments.length; i++) {
    var child = arguments[i];
    if (child || child === 0) node.appendChild(child.nodeType ? child : document.createTextNode(String(child)));
  }
  return node;
}

function icon(name) {
  var use = el("use", { href: "#i-" + name });
  use.setAttributeNS("http://www.w3.org/1999/xlink", "xlink:href", "#i-" + name); // iOS before 12.2
  return el("svg", { "class": "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, use);
}

function empty(node) { while (node.firstChild) node.removeChild(node.firstChild); return node; }

function joined(parts) { return parts.filter(Boolean).join(" · "); }

function distance(metres) {
  if (metres < 950) return t("unit_m", { n: Math.max(10, Math.round(metres / 10) * 10) });
  return t("unit_km", { n: Math.round(metres / 100) / 10 });
}

// What a person chose is kept on the phone; where they were is not.
function remember(name, value) { try { localStorage.setItem("kilowatch." + name, value); } catch (_) { /* private mode */ } }
function remembered(name) { try { return localStorage.getItem("kilowatch." + name); } catch (_) { return null; } }

// Speaks every fixed sentence of the page again, in the language chosen now.
function speak() {
  document.documentElement.lang = lang;
  document.title = t("title");
  var other = lang === "en" ? "zh-CN" : "en";
  by("lang").textContent = other === "en" ? "English" : "中文";
  by("lang").lang = other;
  by("to-watches").href = "/watches?lang=" + lang;
  by("to-wallet").href = "/wallet?lang=" + lang;
  by("charge").href = by("charge").pathname + by("charge").search.replace(/lang=[^&]*/, "lang=" + lang);
  each("[data-t]", function (node) { node.textContent = t(node.getAttribute("data-t")); });
  each("[data-label]", function (node) { node.setAttribute("aria-label", t(node.getAttribute("data-label"))); });
  each("[data-placeholder]", function (node) { node.placeholder = t(node.getAttribute("data-placeholder")); });
}

function each(selector, act) { Array.prototype.forEach.call(document.querySelectorAll(selector), act); }

// --- asking the API ---------------------------------------------------------------------------------------

var TIMEOUT_MS = 15000;

// Resolves to the answer; rejects with a sentence for the person.
function ask(path, pairs) {
  var query = pairs.concat([["lang", lang]]).map(function (pair) {
    return encodeURIComponent(pair[0]) + "=" + encodeURIComponent(pair[1]);
  }).join("&");
  var waiting = new Promise(function (_, reject) { setTimeout(function () { reject(t("offline")); }, TIMEOUT_MS); });
  var asking = fetch("/api/v1" + path + "?" + query, { headers: { Accept: "application/json" } }).then(function (answer) {
    return answer.json().then(function (doc) {
      if (answer.ok) return doc;
      throw doc.error && doc.error.message ? doc.error.message : t("trouble");
    }, function () { throw t("trouble"); });
  }, function () { throw t("offline"); });
  return Promise.race([asking, waiting]);
}
