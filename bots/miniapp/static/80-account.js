// Who has opened the page, where an app says so. Telegram puts its signed word into the address, and it is good for
// one login. The token stays in this tab. In WeChat's browser a cookie does the same, and no script can read that.

var account = { me: null };

function keepToken(token) { try { sessionStorage.setItem("kilowatch.token", token || ""); } catch (_) { /* private mode */ } account.token = token; }
function keptToken() { try { return account.token || sessionStorage.getItem("kilowatch.token"); } catch (_) { return account.token; } }

function cookie(name) {
  var found = new RegExp("(?:^|; )" + name + "=([^;]*)").exec(document.cookie);
  return found ? found[1] : "";
}

// Asks as the person: asMe("PATCH", "/me", {kwh: 40}). A key is for what moves money, one for each wish.
function asMe(method, path, body, key) {
  var headers = { Accept: "application/json" }, token = keptToken();
  if (token) headers.Authorization = "Bearer " + token;
  else headers["X-CSRF-Token"] = cookie("kilowatch_csrf");
  if (body) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  var address = "/api/v1" + path + (path.indexOf("?") < 0 ? "?" : "&") + "lang=" + lang;
  return fetch(address, { method: method, headers: headers, body: body ? JSON.stringify(body) : undefined }).then(function (answer) {
    return answer.json().then(function (doc) {
      if (answer.ok) return doc;
      if (answer.status === 401) keepToken("");
      throw doc.error && doc.error.message ? doc.error.message : t("trouble");
    }, function () { throw t("trouble"); });
  }, function () { throw t("offline"); });
}

// Telegram's word, taken out of the address at once: it must not be shared along with a link.
function telegramsWord() {
  var found = /[#&]tgWebAppData=([^&]*)/.exec(location.hash);
  if (!found) return "";
  history.replaceState(history.state, "", location.pathname + location.search);
  try { return decodeURIComponent(found[1]); } catch (_) { return ""; }
}

// Logs in if somebody vouches for the person, and says who it is; nobody is asked anything, and nobody has to be.
function logIn(known) {
  var word = telegramsWord();
  var entered = word ? asMe("POST", "/auth/telegram", { init_data: word }).then(function (login) { keepToken(login.token); }) : Promise.resolve();
  entered.then(function () {
    if (!keptToken() && !cookie("kilowatch_csrf")) return null;
    return asMe("GET", "/me");
  }).then(function (me) {
    account.me = me;
    if (me) known(me);
  }, function () { /* the list needs no account */ });
}
