// A small slippy map: tiles in the usual Mercator numbering, drag, two-finger and button zoom, markers.

var TILE = 256, LEAST_ZOOM = 4, MOST_ZOOM = 18;

function worldX(lng, zoom) { return (lng + 180) / 360 * TILE * Math.pow(2, zoom); }
function worldY(lat, zoom) {
  var s = Math.sin(Math.max(-85, Math.min(85, lat)) * Math.PI / 180);
  return (0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)) * TILE * Math.pow(2, zoom);
}
function lngAt(x, zoom) { return x / (TILE * Math.pow(2, zoom)) * 360 - 180; }
function latAt(y, zoom) {
  var n = Math.PI * (1 - 2 * y / (TILE * Math.pow(2, zoom)));
  return 180 / Math.PI * Math.atan((Math.exp(n) - Math.exp(-n)) / 2);
}

function makeMap(box, tiles, moved) {
  var zoom = 14, x = 0, y = 0, markers = [], pictures = {}, fingers = {}, last = null, spread = 0, dragged = false;
  var layer = el("div", {}), pins = el("div", {});
  box.appendChild(layer);
  box.appendChild(pins);
  box.appendChild(el("button", { type: "button", "class": "zoom in", "aria-label": t("zoom_in"), "data-label": "zoom_in", onclick: function () { zoomBy(1); } }, "+"));
  box.appendChild(el("button", { type: "button", "class": "zoom out", "aria-label": t("zoom_out"), "data-label": "zoom_out", onclick: function () { zoomBy(-1); } }, "−"));
  if (tiles.attribution) box.appendChild(el("span", { "class": "owed" }, tiles.attribution));

  function put(node, lat, lng) {
    node.style.transform = "translate(" + Math.round(worldX(lng, zoom) - x + box.clientWidth / 2) + "px," +
      Math.round(worldY(lat, zoom) - y + box.clientHeight / 2) + "px)";
  }

  function picture(key, column, row, across) {
    var image = el("img", { alt: "", draggable: "false" });
    // Tile servers ask who shows their maps. The page itself sends no referrer, because positions stand in addresses.
    image.referrerPolicy = "origin";
    image.src = tiles.url.replace("{z}", zoom).replace("{x}", ((column % across) + across) % across).replace("{y}", row);
    layer.appendChild(image);
    pictures[key] = image;
    return image;
  }

  function draw() {
    var across = Math.pow(2, zoom), wanted = {};
    var left = x - box.clientWidth / 2, top = y - box.clientHeight / 2;
    for (var column = Math.floor(left / TILE); column * TILE < left + box.clientWidth; column++) {
      for (var row = Math.floor(top / TILE); row * TILE < top + box.clientHeight; row++) {
        if (row < 0 || row >= across) continue;
        var key = zoom + "/" + column + "/" + row;
        wanted[key] = true;
        var image = pictures[key] || picture(key, column, row, across);
        image.style.transform = "translate(" + Math.round(column * TILE - left) + "px," + Math.round(row * TILE - top) + "px)";
      }
    }
    Object.keys(pictures).forEach(function (key) {
      if (!wanted[key]) { layer.removeChild(pictures[key]); delete pictures[key]; }
    });
    markers.forEach(function (one) { put(one.node, one.lat, one.lng); });
  }

  function zoomBy(steps) {
    var next = Math.max(LEAST_ZOOM, Math.min(MOST_ZOOM, zoom + steps)), factor = Math.pow(2, next - zoom);
    if (next === zoom) return;
    zoom = next; x *= factor; y *= factor;
    draw();
  }

  box.addEventListener("pointerdown", function (event) {
    if (event.target.closest(".zoom")) return;
    fingers[event.pointerId] = event;
    last = event; spread = 0; dragged = false;
  });
  box.addEventListener("pointermove", function (event) {
    if (!fingers[event.pointerId]) return;
    fingers[event.pointerId] = event;
    var ids = Object.keys(fingers);
    if (ids.length === 2) {
      var a = fingers[ids[0]], b = fingers[ids[1]];
      var now = Math.sqrt(Math.pow(a.clientX - b.clientX, 2) + Math.pow(a.clientY - b.clientY, 2));
      if (!spread) spread = now;
      if (now > spread * 1.5) { zoomBy(1); spread = now; }
      if (now < spread / 1.5) { zoomBy(-1); spread = now; }
      return;
    }
    if (ids.length > 2 || !last) return;
    if (!dragged) {
      if (Math.abs(event.clientX - last.clientX) + Math.abs(event.clientY - last.clientY) < 8) return;
      dragged = true;
      box.setPointerCapture(event.pointerId); // from here on it is no tap on a marker any more
    }
    x -= event.clientX - last.clientX; y -= event.clientY - last.clientY;
    last = event;
    draw();
    moved();
  });
  ["pointerup", "pointercancel"].forEach(function (name) {
    box.addEventListener(name, function (event) { delete fingers[event.pointerId]; last = null; });
  });
  window.addEventListener("resize", draw);

  return {
    centre: function () { return { lat: latAt(y, zoom), lng: lngAt(x, zoom) }; },
    // Shows the point and the stations nearest to it, as close as they all fit.
    show: function (point, stations, chosen) {
      empty(pins);
      markers = stations.map(function (one, place) {
        var label = one.price ? one.text.price : String(place + 1);
        var node = el("button", { type: "button", "class": place === 0 ? "marker first" : "marker", "aria-label": joined([one.name, label]), onclick: function () { chosen(one.id); } },
          el("span", {}, label));
        return { node: node, lat: one.lat, lng: one.lng };
      });
      markers.push({ node: el("div", { "class": "pin" }), lat: point.lat, lng: point.lng });
      // The best station is drawn last, so that it lies on top.
      markers.slice().reverse().forEach(function (one) { pins.appendChild(one.node); });
      zoom = 17;
      while (zoom > LEAST_ZOOM && markers.some(outside)) zoom--;
      x = worldX(point.lng, zoom); y = worldY(point.lat, zoom);
      draw();

      function outside(one) {
        return Math.abs(worldX(one.lng, zoom) - worldX(point.lng, zoom)) > box.clientWidth / 2 - 30 ||
          Math.abs(worldY(one.lat, zoom) - worldY(point.lat, zoom)) > box.clientHeight / 2 - 40;
      }
    },
  };
}
