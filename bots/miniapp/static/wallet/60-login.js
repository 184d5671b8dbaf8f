// Who is there: by Telegram's own word inside its Mini App, by WeChat's in its browser, by a name on one machine.

function initData() {
  var found = /[#&]tgWebAppData=([^&]*)/.exec(location.hash);
  return found ? decodeURIComponent(found[1]) : "";
}

// Tries the way that needs nobody's help, after what was there has failed; resolves to whether it worked.
function enterByItself() {
  var data = initData();
  keepToken("");
  if (!data || !start.doors.telegram) return Promise.resolve(false);
  return call("POST", "/auth/telegram", { init_data: data }).then(function (login) {
    keepToken(login.token);
    return true;
  }, function (problem) {
    complain(problem.message);
    return false;
  });
}

function showLogin(done) {
  var box = by("login");
  box.hidden = false;
  document.body.classList.remove("waiting");
  if (start.doors.wechat && /MicroMessenger/i.test(navigator.userAgent)) { by("login-wechat").hidden = false; }
  else if (start.doors.local) {
    by("login-local").hidden = false;
    by("login-local").onsubmit = function (event) {
      event.preventDefault();
      complain("");
      call("POST", "/auth/local", { name: by("login-name").value.trim() || "local", cookie: true }).then(function () {
        box.hidden = true;
        done();
      }, function (problem) { complain(problem.message); });
    };
  } else by("login-elsewhere").hidden = false;
}
