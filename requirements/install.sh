#!/bin/sh
# Creates the virtual environment named by $1 and brings it to what requirements/dev.txt says.
#
# Called by make, under a lock. Prints to standard error only: `make bench` owns standard output.
# The file .ready is written last, so a run that was cut short is simply repeated by the next one.
set -eu
exec 1>&2

venv=$1
lockfile=requirements/dev.txt
wanted=$(cksum <"$lockfile")

say() { printf 'setup: %s\n' "$*"; }

# A name on the PATH is not yet a Python: version managers leave shims that only print an error.
suits() { "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3 python3.14}; do
        if suits "$candidate"; then
            printf '%s' "$candidate"
            return
        fi
    done
    say "Python 3.11 or later with venv and pip is needed, and none of these is one: ${PYTHON:-python3.13, 3.12, 3.11, python3}."
    say "Install it (Debian, Ubuntu: apt install python3-venv), or name one: make setup PYTHON=/path/to/python3"
    exit 1
}

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python) || { printf '%s\n' "$python"; exit 1; }
    say "creating $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
fi

pip() { "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }

if [ "$(cat "$venv/.requirements" 2>/dev/null)" != "$wanted" ]; then
    say "installing what requirements/dev.txt pins (a minute at most on a usual line)"
    pip install --require-hashes --only-binary :all: -r "$lockfile"
    printf '%s' "$wanted" >"$venv/.requirements"
fi

# Editable, so that the code you edit is the code that runs; setuptools is among the pins, so nothing is fetched.
pip install --no-deps --no-build-isolation --editable .
touch "$venv/.ready"
say "ready"
