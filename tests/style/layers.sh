#!/bin/sh
# The rules of the source tree that no compiler checks: which layer may include which, where a
# third-party header may stand, how long files and lines are, and what must not be left behind.
#   tests/style/layers.sh [TREE]     names what breaks a rule; exit code 1 if anything does
set -eu
export LC_ALL=C
cd "${1:-$(dirname "$0")/../..}"

find src include tests -name '*.[ch]' | sort | xargs awk '
BEGIN {
  layers = "base kernels network data attack defense training evaluation plan store run report cli"
  for (i = split(layers, name, " "); i > 0; --i) place[name[i]] = i
  # Where a third-party header may be included: a pattern of paths.
  home["cblas.h"] = "^src/kernels/gemm\\.c$"
  home["hdf5.h"] = home["hdf5_hl.h"] = "^src/(network|store)/|^tests/"
  home["png.h"] = "^src/report/picture\\.c$|^tests/"
  home["mpi.h"] = "^src/(training|run|cli)/|^include/advgrid/run\\.h$|^tests/"
}

function complain(text)
{
  print FILENAME ":" FNR ": " text
  broken = 1
}

# The layer of src/X/y.c, and of include/advgrid/X.h; none for the tests, which see everything.
function layer_of(path, part)
{
  split(path, part, "/")
  if (part[1] == "src") return part[2]
  if (part[1] != "include") return ""
  sub(/\.h$/, "", part[3])
  return part[3]
}

FNR == 1 {
  own = layer_of(FILENAME)
  if (own != "" && !(own in place)) complain("\"" own "\" is no layer of the design")
}

{
  line = $0
  gsub(/[\200-\277]/, "", line) # the tail bytes of UTF-8: what is left counts characters
  if (length(line) > 100) complain("more than 100 columns")
}

/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
  header = $0
  sub(/^[^<"]*[<"]/, "", header)
  sub(/[>"].*$/, "", header)
  if ((header in home) && FILENAME !~ home[header]) complain(header " has no place here")
  if (own == "" || $0 !~ /"/) next
  other = header
  if (other ~ /^advgrid\//) {
    sub(/^advgrid\//, "", other)
    sub(/\.h$/, "", other)
  } else if (!sub(/\/.*$/, "", other)) {
    complain("\"" header "\": write the folder too")
    next
  }
  if (!(other in place)) complain("\"" header "\" belongs to no layer")
  else if (place[other] > place[own]) complain(own " must not include " other ", which is below it")
}

END { exit broken }
' || broken=1

find src include tests results \( -name '*.[ch]' -o -name '*.py' -o -name '*.sh' \) 2>/dev/null |
  sort | xargs awk '
FNR == 401 { print FILENAME ": more than 400 lines"; broken = 1 }
END { exit broken }
' || broken=1

# Spelled with brackets so that this file does not find itself.
texts=$(find src include tests jobs slurm .ci README.md CMakeLists.txt CMakePresets.json -type f \
  ! -name '*.h5' ! -name '*.pyc' 2>/dev/null || true)
if grep -nEw '[T]ODO|[F]IXME|[X]XX' $texts; then
  echo "left to do: finish it"
  broken=1
fi
if grep -nE '/[w]ork/|/[h]ome/' $texts; then
  echo "paths of one machine"
  broken=1
fi
[ -z "${broken-}" ]
