// Sheets that cover the list: they take the focus, give it back, and close by button, shade, Escape and "back".

var sheet = { open: null, from: null, closed: null };

function openSheet(node, closed) {
  if (sheet.open) hideSheet();
  else sheet.from = document.activeElement;
  sheet.open = node;
  sheet.closed = closed;
  by("shade").hidden = false;
  node.hidden = false;
  node.scrollTop = 0;
  by("page").setAttribute("aria-hidden", "true");
  document.body.classList.add("covered");
  var heading = node.querySelector("h2");
  if (heading) heading.focus();
}

function hideSheet() {
  sheet.open.hidden = true;
  sheet.open = null;
}

function closeSheet() {
  if (!sheet.open) return;
  var closed = sheet.closed;
  hideSheet();
  by("shade").hidden = true;
  by("page").removeAttribute("aria-hidden");
  document.body.classList.remove("covered");
  if (sheet.from && document.contains(sheet.from)) sheet.from.focus();
  if (closed) closed();
}

document.addEventListener("keydown", function (event) {
  if (!sheet.open) return;
  if (event.key === "Escape") closeSheet();
  if (event.key !== "Tab") return;
  var stops = sheet.open.querySelectorAll("a[href], button, input, select");
  var first = stops[0], last = stops[stops.length - 1];
  if (event.shiftKey && (document.activeElement === first || document.activeElement.tabIndex < 0)) {
    event.preventDefault(); last.focus();
  } else if (!event.shiftKey && document.activeElement === last) {
    event.preventDefault(); first.focus();
  }
});
by("shade").addEventListener("click", closeSheet);
each("[data-close]", function (button) { button.addEventListener("click", closeSheet); });
