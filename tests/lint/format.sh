#!/bin/sh
# Every C and C++ source is as clang-format leaves it. Skipped where clang-format is absent.
set -eu
cd "$(dirname "$0")/../.."
command -v clang-format >/dev/null || {
  echo "clang-format is not installed"
  exit 77
}
find kernels src tests -type f \( -name '*.c' -o -name '*.h' -o -name '*.cc' -o -name '*.cu' \) \
  -exec clang-format --dry-run -Werror {} +
