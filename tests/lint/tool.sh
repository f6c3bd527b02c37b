#!/bin/sh
# tool.sh PROGRAM ARGUMENT...: runs a checking program; skipped, saying so, where it is absent.
# Looked for when the test runs, not when Meson configures: it may be installed in between.
set -eu
command -v "$1" >/dev/null || {
  echo "$1 is not installed"
  exit 77
}
exec "$@"
