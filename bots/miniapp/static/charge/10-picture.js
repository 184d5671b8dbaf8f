// Pictures for the reader, scaled down on the phone first: a garage's network carries little.

var FRAME_PX = 1100, PHOTO_PX = 2000, SMALL_BYTES = 300000, MOST_BYTES = 9500000;

function jpeg(picture, cut, most, quality) {
  var scale = Math.min(1, most / Math.max(cut.width, cut.height)), canvas = document.createElement("canvas");
  canvas.width = Math.round(cut.width * scale);
  canvas.height = Math.round(cut.height * scale);
  canvas.getContext("2d").drawImage(picture, cut.left, cut.top, cut.width, cut.height, 0, 0, canvas.width, canvas.height);
  return new Promise(function (resolve) { canvas.toBlob(resolve, "image/jpeg", quality); });
}

// What stands in the finder is what is sent: the square in the middle of the camera's picture.
function frameOf(video) {
  var side = Math.min(video.videoWidth, video.videoHeight);
  var cut = { left: (video.videoWidth - side) / 2, top: (video.videoHeight - side) / 2, width: side, height: side };
  return jpeg(video, cut, FRAME_PX, 0.75);
}

function opened(file) {
  var asBitmap = window.createImageBitmap ? createImageBitmap(file) : Promise.reject();
  return asBitmap.catch(function () {
    return new Promise(function (resolve, reject) {
      var reader = new FileReader(), image = new Image();
      reader.onload = function () { image.src = reader.result; };
      reader.onerror = image.onerror = reject;
      image.onload = function () { resolve(image); };
      reader.readAsDataURL(file);
    });
  });
}

// Resolves to what is sent for a photo. What this browser cannot open goes as it is: the reader knows more formats.
function shrunk(file) {
  if (file.size <= SMALL_BYTES) return Promise.resolve(file);
  return opened(file).then(function (picture) {
    var whole = { left: 0, top: 0, width: picture.naturalWidth || picture.width, height: picture.naturalHeight || picture.height };
    return jpeg(picture, whole, PHOTO_PX, 0.85);
  }).catch(function () { return null; }).then(function (smaller) {
    if (smaller && smaller.size < file.size) return smaller;
    if (file.size <= MOST_BYTES) return file;
    throw { status: 0, code: "photo_odd", message: t("photo_odd") };
  });
}
