#!/bin/sh
# Chooses versions anew from pyproject.toml and writes them, hashed for every platform and Python we support.
#
# One resolution serves all: markers in the files say what only some platforms need. The files name no registry, so
# that they install from whichever one a machine is set up to use.
set -eu

bin=$1
export UV_NO_CONFIG=1

"$bin/python" -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/lock.txt

compile() {
    output=$1
    shift
    "$bin/uv" pip compile "$@" --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file "$output.new"
    {
        echo "# Written by 'make lock' from pyproject.toml; not by hand."
        cat "$output.new"
    } >"$output"
    rm "$output.new"
}

compile requirements/lock.txt --group lock
compile requirements/runtime.txt pyproject.toml --group build
compile requirements/dev.txt pyproject.toml --group build --group dev --constraints requirements/runtime.txt

# Names of registries stay out: whatever slips through an option is caught here.
if grep -nE '://|--(index-url|extra-index-url|find-links|trusted-host)' requirements/*.txt; then
    echo "lock: the lines above tie the pins to one registry" >&2
    exit 1
fi
