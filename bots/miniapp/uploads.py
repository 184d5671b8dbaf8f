"""Pictures sent to the API: as a form's file `image`, or as the body itself."""

from __future__ import annotations

from typing import Any, TypeVar

from flask import request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.media_type import MediaType
from flask_openapi3.models.request_body import RequestBody
from flask_openapi3.models.schema import Schema
from flask_openapi3.utils import parse_body
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from bots.miniapp.query import refusal

MOST_PHOTO_BYTES = 10 * 1024 * 1024
FIELD = "image"
Body = TypeVar("Body", bound=BaseModel)
_FORM = "multipart/form-data"
_RAW = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")


def sent_picture() -> bytes | None:
    """The picture of this request; None for one that brings none. Raises RequestEntityTooLarge."""
    image = None
    if request.mimetype == _FORM:
        file = request.files.get(FIELD)
        image = file.read() if file is not None else None
    elif request.mimetype.startswith("image/") or request.mimetype == "application/octet-stream":
        image = request.get_data(cache=False)
    # What comes in pieces says no length before, and what is beyond the body's limit is cut off without a word.
    if image is not None and len(image) > MOST_PHOTO_BYTES:
        raise RequestEntityTooLarge
    return image


def sent_fields() -> dict[str, str]:
    """What stands beside the picture: in the form, else in the address."""
    return {**request.args.to_dict(), **request.form.to_dict()}


def read_json(model: type[Body]) -> Body:
    """The JSON of this request. Raises UserError."""
    try:
        return model.model_validate(request.get_json(silent=True))
    except ValidationError as error:
        raise refusal(error) from None


def described(api: APIBlueprint, body: type[BaseModel], fields: dict[str, str], *, raw: bool) -> dict[str, Any]:
    """For the description of a route that takes JSON of this model, or a picture with these fields beside it."""
    content, schemas = parse_body(body)
    api.components_schemas.update(schemas)
    binary = Schema.model_validate({"type": "string", "format": "binary"})
    form = {FIELD: binary, **{name: Schema.model_validate({"type": kind}) for name, kind in fields.items()}}
    content[_FORM] = MediaType(schema=Schema.model_validate({"type": "object", "properties": form}))
    if raw:
        content |= {kind: MediaType(schema=binary) for kind in _RAW}
    return {"requestBody": RequestBody(content=content, required=True)}
