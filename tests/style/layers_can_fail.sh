#!/bin/sh
# Breaks each rule of layers.sh in a tree of its own and expects it to be named there.
set -eu
script=$(cd "$(dirname "$0")" && pwd)/layers.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

# fresh: a small tree that keeps every rule
fresh() {
  rm -rf "${tree:?}"/*
  mkdir -p "$tree/src/kernels" "$tree/src/attack" "$tree/src/run" "$tree/include/advgrid" \
    "$tree/tests/attack" "$tree/jobs"
  printf '#include <cblas.h>\n#include "advgrid/base.h"\n' >"$tree/src/kernels/gemm.c"
  printf '#include "attack/pgd.h"\n#include "advgrid/network.h"\n' >"$tree/src/attack/pgd.c"
  printf '#include <mpi.h>\n#include "store/journal.h"\n' >"$tree/src/run/run.c"
  printf '#include "advgrid/network.h"\n' >"$tree/include/advgrid/attack.h"
  printf '#include "advgrid/run.h"\n' >"$tree/tests/attack/test_pgd.c"
  echo 'name: small' >"$tree/jobs/small.yaml"
}

# breaks FILE LINE COMPLAINT: LINE at the end of FILE must bring COMPLAINT and a failure
breaks() {
  fresh
  mkdir -p "$tree/$(dirname "$1")"
  printf '%s\n' "$2" >>"$tree/$1"
  if said=$(sh "$script" "$tree") || ! printf '%s' "$said" | grep -q "$1.*$3"; then
    echo "not found: $1: $2"
    failures=1
  fi
}

fresh
sh "$script" "$tree" || { echo "complains of a tree in order" && failures=1; }

breaks src/attack/pgd.c '#include "run/unit.h"' 'attack must not include run'
breaks src/attack/pgd.c '#  include "advgrid/plan.h"' 'attack must not include plan'
breaks include/advgrid/attack.h '#include "advgrid/defense.h"' 'attack must not include defense'
breaks src/attack/pgd.c '#include "pgd.h"' 'write the folder'
breaks src/attack/pgd.c '#include "extra/new.h"' 'no layer'
breaks src/extra/new.c 'int extra;' 'no layer'
breaks src/attack/pgd.c '#include <cblas.h>' 'cblas.h has no place'
breaks src/kernels/dense.c '#include <cblas.h>' 'cblas.h has no place'
breaks src/attack/pgd.c '#include <hdf5.h>' 'hdf5.h has no place'
breaks include/advgrid/store.h '#include <hdf5.h>' 'hdf5.h has no place'
breaks src/store/results.c '#include <mpi.h>' 'mpi.h has no place'
breaks include/advgrid/training.h '#include <mpi.h>' 'mpi.h has no place'
breaks tests/attack/test_pgd.c "$(printf '%0101d' 0)" '100 columns'
breaks src/attack/pgd.c "$(yes 'int x;' | head -n 399)" '400 lines'
breaks tests/run/check.py "$(yes 'pass' | head -n 401)" '400 lines'
breaks src/attack/pgd.c '/* TO''DO: the rest */' 'TO''DO'
breaks src/attack/pgd.c '// FIX''ME' 'FIX''ME'
breaks jobs/small.yaml 'folder: /wo''rk/data' '/wo''rk/'
breaks tests/attack/test_pgd.c 'open("/ho''me/somebody/x")' '/ho''me/'
exit $failures
