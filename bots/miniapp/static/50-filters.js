// The filters: a form in a sheet, and the pairs it sends to the API.

var NAMES = ["free_now", "open_now", "free_parking", "plug", "min_power_kw", "price_cap", "operator", "facility"];

function filterPairs() {
  return state.filters.filter(function (pair) { return pair[1] !== ""; });
}

function showFilterCount() {
  var seen = {};
  filterPairs().forEach(function (pair) { seen[pair[0]] = true; });
  var count = Object.keys(seen).length;
  by("filters-count").textContent = count;
  by("filters-count").hidden = count === 0;
}

function readFilters() {
  var pairs = [];
  Array.prototype.forEach.call(by("filters-form").elements, function (field) {
    if (NAMES.indexOf(field.name) < 0) return;
    var value = field.value.trim().replace(",", ".");
    if ((field.type === "checkbox" || field.type === "radio") && !field.checked) return;
    if (field.name === "operator") value = field.value;
    if (value !== "") pairs.push([field.name, value]);
  });
  return pairs;
}

function fillFilters() {
  Array.prototype.forEach.call(by("filters-form").elements, function (field) {
    if (NAMES.indexOf(field.name) < 0) return;
    var values = state.filters.filter(function (pair) { return pair[0] === field.name; }).map(function (pair) { return pair[1]; });
    if (field.type === "checkbox") field.checked = values.indexOf(field.value) >= 0;
    else if (field.type === "radio") field.checked = field.value === (values[0] || "");
    else field.value = values[0] || "";
  });
}

// They come a moment later: what was ticked meanwhile stays.
function showOperators(operators) {
  var chips = empty(by("operator-chips"));
  operators.forEach(function (one) {
    var pick = el("input", { type: "checkbox", name: "operator", value: one.id });
    pick.checked = state.filters.some(function (pair) { return pair[0] === "operator" && pair[1] === one.id; });
    chips.appendChild(el("label", { "class": "chip" }, pick, el("span", {}, one.name)));
  });
  by("operators").hidden = operators.length === 0;
}

function openFilters() {
  fillFilters();
  openSheet(by("filters"));
  // Without the operators the other filters still work, so a failure here is not worth a sentence.
  ask("/operators", pointPairs()).then(function (doc) { showOperators(doc.operators); }, function () { /* stays hidden */ });
}

by("filters-form").addEventListener("submit", function (event) {
  event.preventDefault();
  state.filters = readFilters();
  showFilterCount();
  closeSheet();
  search();
});
by("filters-clear").addEventListener("click", function () { state.filters = []; fillFilters(); });
by("filters-open").addEventListener("click", openFilters);
