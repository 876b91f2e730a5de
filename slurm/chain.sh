#!/bin/bash
# For sites where a job may not be requeued: submits the same job N times, one after the other.
#
#   slurm/chain.sh N [options of sbatch] slurm/grid.sbatch JOB.yaml [further arguments]
#
# Each link starts when the one before it has ended in whatever way, a time limit or a dead node
# included, and goes on from there. A link that finds the job done ends at once.
set -u

if [[ ! ${1-} =~ ^[1-9][0-9]{0,2}$ ]] || [ $# -lt 3 ]; then
  echo "usage: $0 N [options of sbatch] slurm/grid.sbatch JOB.yaml [further arguments]" >&2
  echo "  N: how many links, 1 to 999" >&2
  exit 2
fi
count=$1
shift

links=()
for ((i = 1; i <= count; ++i)); do
  after=()
  [ "$i" -eq 1 ] || after=(--dependency="afterany:$link")
  if ! answer=$(sbatch --parsable --no-requeue "${after[@]}" "$@"); then
    echo "$0: link $i of $count was refused; submitted: ${links[*]:-none}" >&2
    exit 1
  fi
  link=${answer%%;*} # behind it may stand the cluster's name
  links+=("$link")
done
echo "submitted ${links[*]}, one after the other; to cancel all: scancel ${links[*]}"
