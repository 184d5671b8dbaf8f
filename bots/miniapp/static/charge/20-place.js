// Where the driver stands, asked for with the scan unless they leave it out. It is sent along and not kept here.

var GOOD_M = 60, SETTLE_MS = 4000, PLACE_MS = 8000, MOST_MS = 25000, FRESH_MS = 60000;
var place = { found: null, at: 0, asking: null };

function wanted() { return by("send-place").checked; }
function fresh() { return wanted() && place.found && Date.now() - place.at < FRESH_MS; }

// Resolves to a position or null, and never fails: without one the gun's own number is asked for.
function findPlace() {
  if (fresh()) return Promise.resolve(place.found);
  if (!wanted() || !navigator.geolocation) return Promise.resolve(null);
  if (!place.asking) place.asking = watchPlace().then(function (found) {
    place.asking = null;
    place.found = found;
    place.at = Date.now();
    return found;
  });
  return place.asking;
}

// The first answer is often a coarse one: wait a moment for a better.
function watchPlace() {
  return new Promise(function (resolve) {
    var best = null, settling = null, watch;
    var patience = setTimeout(done, MOST_MS); // a question that nobody answers
    function done() {
      clearTimeout(patience);
      clearTimeout(settling);
      navigator.geolocation.clearWatch(watch);
      resolve(best);
    }
    watch = navigator.geolocation.watchPosition(function (found) {
      var here = { lat: found.coords.latitude, lng: found.coords.longitude, accuracy_m: found.coords.accuracy };
      if (!best || here.accuracy_m <= best.accuracy_m) best = here;
      if (best.accuracy_m <= GOOD_M) done();
      else settling = settling || setTimeout(done, SETTLE_MS);
    }, done, { enableHighAccuracy: true, maximumAge: 30000, timeout: PLACE_MS });
  });
}
