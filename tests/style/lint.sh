#!/bin/sh
# clang-tidy over all of src/, with the checks of .clang-tidy.
#   tests/style/lint.sh BUILD [JOBS] [FILE...]     BUILD has a compile_commands.json
# A file that was clean is not looked at again until it, a header or the checks change.
set -eu
build=$(cd "$1" && pwd)
jobs=${2:-2}
[ $# -lt 2 ] && shift $# || shift 2
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- src/*/*.c src/*/*/*.c

mkdir -p "$build/lint"
common=$(find include src -name '*.h' | sort | xargs cat .clang-tidy "$0" | sha256sum)
export build common

# GCC's warnings that clang does not know are none of its business.
printf '%s\n' "$@" | xargs -n 1 -P "$jobs" sh -c '
  command=$(grep "\"command\".*$1" "$build/compile_commands.json" || true)
  key=$({ echo "$common $command"; cat "$1"; } | sha256sum | cut -c 1-64)
  seen=$build/lint/$(echo "$1" | tr / _)
  if [ "$(cat "$seen" 2>/dev/null)" != "$key" ]; then
    said=$(clang-tidy --quiet -p "$build" --extra-arg=-Wno-unknown-warning-option "$1" 2>&1) || {
      printf "%s\n" "$said"
      exit 1
    }
    echo "$key" >"$seen"
  fi' lint
