#!/bin/sh
# readme.sh ADVGRID: the README's job is one that can be planned, and the links of all pages lead somewhere.
set -eu
cd "$(dirname "$0")/../.."
job=$(mktemp)
trap 'rm -f "$job"' EXIT

awk '/^Saved as `jobs\/first.yaml`/ { inside = 1; next } inside && /^[^ ]/ { exit } inside { print substr($0, 5) }' \
  README.md > "$job"
grep -q '^name: first' "$job" || { echo "README.md has no job of the name first"; exit 1; }
"$1" plan "$job" > /dev/null

for page in README.md jobs/README.md slurm/README.md results/README.md results/*/README.md; do
  grep -o '](.[^)]*)' "$page" | tr -d '()]' | grep -v '^http' | while IFS='#' read -r file section; do
    target=${file:+$(dirname "$page")/$file}
    target=${target:-$page}
    [ -e "$target" ] || { echo "$page: $file is not there"; exit 1; }
    [ -z "$section" ] || sed -n 's/^#* //p' "$target" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9\n-' | grep -qx "$section" ||
      { echo "$page: $target has no section $section"; exit 1; }
  done
done
