#!/bin/sh
# The manual pages named as arguments have no warnings. Skipped where mandoc is absent.
set -eu
command -v mandoc >/dev/null || {
  echo "mandoc is not installed"
  exit 77
}
# Pages written for groff's man macros, too: mandoc's advice on style is not asked for.
exec mandoc -T lint -W warning "$@"
