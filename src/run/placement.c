/* Whether the ranks of a node stand in each other's way: what each may use is asked of the system,
 * the first rank of a node judges, and rank 0 says what was found. Nothing here is an error:
 * results do not depend on it, hours do. */
#include "run/placement.h"
#include "advgrid/kernels.h"
#include "run/host.h"
#include "training/team.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the system ---- */

/* The first line of a small file of the system's; empty where it cannot be read. */
static void read_line(const char *path, char line[64])
{
  line[0] = '\0';
  FILE *file = fopen(path, "re");
  if (file == NULL) return;
  if (fgets(line, 64, file) == NULL) line[0] = '\0';
  fclose(file);
}

/* What the control group leaves of all processors: asked for all, the system grants those. */
static cpu_set_t find_usable(const cpu_set_t *bound)
{
  cpu_set_t all;
  cpu_set_t granted = *bound;
  memset(&all, 0xff, sizeof all);
  if (sched_setaffinity(0, sizeof all, &all) == 0) {
    if (sched_getaffinity(0, sizeof granted, &granted) != 0) granted = *bound;
    sched_setaffinity(0, sizeof *bound, bound); /* as it was, which was allowed */
  }
  return granted;
}

/* The limit of one control group: "200000 100000" microseconds, "max 100000" for none. */
static double read_limit(const char *path)
{
  char line[64];
  char *end = line;
  read_line(path, line);
  const double quota = strtod(line, &end); /* 0 of "max" */
  const double period = strtod(end, NULL);
  return quota > 0 && period > 0 ? quota / period : 0;
}

double ag_placement_quota(const char *root, const char *group)
{
  double least = 0;
  for (size_t length = strlen(group);; --length) {
    char path[AG_PATH_SIZE];
    if (length > 0 && group[length] != '/' && group[length] != '\0') continue;
    const int written = snprintf(path, sizeof path, "%s%.*s/cpu.max", root, (int)length, group);
    if (written < 0 || (size_t)written >= sizeof path) return 0;
    const double limit = read_limit(path);
    if (limit > 0 && (least == 0 || limit < least)) least = limit;
    if (length == 0) return least;
  }
}

static double own_quota(void)
{
  char line[AG_PATH_SIZE];
  double quota = 0;
  FILE *file = fopen("/proc/self/cgroup", "re");
  if (file == NULL) return 0;
  while (fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, "0::/", 4) != 0) continue;
    line[strcspn(line, "\n")] = '\0';
    quota = ag_placement_quota("/sys/fs/cgroup", line + 3);
  }
  fclose(file);
  return quota;
}

static ag_placement find_placement(int rank, size_t threads)
{
  ag_placement own = {.rank = rank, .threads = threads, .quota = own_quota()};
  CPU_ZERO(&own.bound);
  if (sched_getaffinity(0, sizeof own.bound, &own.bound) != 0) CPU_SET(0, &own.bound);
  own.usable = find_usable(&own.bound);
  own.bound_cores = ag_cores_of(&own.bound);
  own.usable_cores = ag_cores_of(&own.usable);
  return own;
}

/* ---- the ranks of a node ---- */

static bool is_within(const cpu_set_t *part, const cpu_set_t *whole)
{
  cpu_set_t both;
  CPU_AND(&both, part, whole);
  return CPU_EQUAL(&both, part) != 0;
}

/* More threads than processors on the node, in its control group's time, or where a rank is bound,
 * together with those that are bound within. */
static void find_crowd(const char *host, const ag_placement *ranks, size_t count, char *text)
{
  size_t threads = 0;
  double quota = 0;
  cpu_set_t usable;
  CPU_ZERO(&usable);
  for (size_t i = 0; i < count; ++i) {
    threads += ranks[i].threads;
    CPU_OR(&usable, &usable, &ranks[i].usable);
    if (ranks[i].quota > 0 && (quota == 0 || ranks[i].quota < quota)) quota = ranks[i].quota;
  }
  const size_t processors = (size_t)CPU_COUNT(&usable);
  if (threads > processors) {
    snprintf(text, AG_PLACEMENT_TEXT,
             "%s: %zu rank%s with %zu thread%s in all on %zu core%s: take fewer ranks a node, or"
             " fewer threads by -t",
             host, count, ag_plural(count, "", "s"), threads, ag_plural(threads, "", "s"),
             processors, ag_plural(processors, "", "s"));
  } else if (quota > 0 && (double)threads > quota + 0.5) {
    snprintf(text, AG_PLACEMENT_TEXT,
             "%s: %zu rank%s with %zu thread%s in all, and the control group allows %.3g cores'"
             " time: take fewer ranks a node, or fewer threads by -t",
             host, count, ag_plural(count, "", "s"), threads, ag_plural(threads, "", "s"), quota);
  }
}

static void find_narrow(const char *host, const ag_placement *ranks, size_t count, char *text)
{
  for (size_t i = 0; i < count; ++i) {
    const size_t processors = (size_t)CPU_COUNT(&ranks[i].bound);
    size_t threads = 0;
    for (size_t j = 0; j < count; ++j) {
      if (is_within(&ranks[j].bound, &ranks[i].bound)) threads += ranks[j].threads;
    }
    if (threads <= processors) continue;
    snprintf(text, AG_PLACEMENT_TEXT,
             "%s: rank %d is bound to %zu core%s, on which %zu threads would run, of %d that the"
             " node has: give each rank as many as it has threads (srun --cpus-per-task=%zu, mpirun"
             " --map-by slot:PE=%zu), or bind none (--bind-to none)",
             host, ranks[i].rank, processors, ag_plural(processors, "", "s"), threads,
             CPU_COUNT(&ranks[i].usable), ranks[i].threads, ranks[i].threads);
    return;
  }
}

/* More ranks than cores where one is bound, though the node has a core for each. */
static void find_shared(const char *host, const ag_placement *ranks, size_t count, char *text)
{
  cpu_set_t usable;
  CPU_ZERO(&usable);
  for (size_t i = 0; i < count; ++i)
    CPU_OR(&usable, &usable, &ranks[i].usable_cores);
  if (count > (size_t)CPU_COUNT(&usable)) return;
  for (size_t i = 0; i < count; ++i) {
    const size_t cores = (size_t)CPU_COUNT(&ranks[i].bound_cores);
    size_t within = 0;
    int other = -1;
    for (size_t j = 0; j < count; ++j) {
      if (!is_within(&ranks[j].bound_cores, &ranks[i].bound_cores)) continue;
      if (j != i && other < 0) other = ranks[j].rank;
      ++within;
    }
    if (within <= cores) continue;
    snprintf(text, AG_PLACEMENT_TEXT,
             "%s: ranks %d and %d are bound to one core: %zu ranks to %zu of %d cores. Give each"
             " rank its own (srun --cpu-bind=cores, mpirun --map-by core --bind-to core), or bind"
             " none (--bind-to none)",
             host, ranks[i].rank, other, within, cores, CPU_COUNT(&usable));
    return;
  }
}

void ag_placement_judge(const char *host, const ag_placement *ranks, size_t count,
                        ag_placement_findings *findings)
{
  memset(findings, 0, sizeof *findings);
  find_shared(host, ranks, count, findings->bound);
  find_crowd(host, ranks, count, findings->crowded);
  if (findings->bound[0] == '\0' && findings->crowded[0] == '\0') {
    find_narrow(host, ranks, count, findings->crowded);
  }
}

/* ---- all nodes ---- */

void ag_placement_warn_of_blas(size_t threads)
{
  if (ag_gemm_prepare(threads) == AG_OK) return;
  ag_log("OpenBLAS: %s. The run goes on: its own kernels do not call OpenBLAS", ag_message());
}

/* The text of the first node that has one, and how many others have one. at: of the text in
 * ag_placement_findings. */
static void say(const ag_placement_findings *nodes, size_t count, size_t at)
{
  const char *first = NULL;
  size_t others = 0;
  for (size_t i = 0; i < count; ++i) {
    const char *text = (const char *)&nodes[i] + at;
    if (text[0] == '\0') continue;
    if (first == NULL) {
      first = text;
    } else {
      ++others;
    }
  }
  if (first == NULL) return;
  if (others == 0) {
    ag_log("%s", first);
  } else {
    ag_log("%s (so it is on %zu more node%s)", first, others, ag_plural(others, "", "s"));
  }
}

/* On the first rank of each node. ranks: all of it. */
static ag_status judge_nodes(MPI_Comm leaders, const ag_placement *ranks, size_t count)
{
  ag_host host = {""};
  int length = 0;
  ag_placement_findings own;
  ag_placement_findings *nodes = NULL;
  const ag_team team = ag_team_of(leaders);
  MPI_Get_processor_name(host.name, &length);
  ag_placement_judge(host.name, ranks, count, &own);
  ag_status status = AG_OK;
  if (team.rank == 0) status = ag_allocate(team.size, sizeof own, &nodes);
  AG_TRY(ag_ranks_agree(leaders, status));
  MPI_Gather(&own, sizeof own, MPI_BYTE, nodes, sizeof own, MPI_BYTE, 0, leaders);
  if (team.rank == 0) {
    say(nodes, team.size, offsetof(ag_placement_findings, crowded));
    say(nodes, team.size, offsetof(ag_placement_findings, bound));
  }
cleanup:
  ag_release(&nodes);
  return status;
}

ag_status ag_placement_warn(MPI_Comm communicator, size_t threads)
{
  int rank = 0;
  MPI_Comm node = MPI_COMM_NULL;
  MPI_Comm leaders = MPI_COMM_NULL;
  ag_placement *ranks = NULL;
  ag_status status = AG_OK;
  MPI_Comm_rank(communicator, &rank);
  MPI_Comm_split_type(communicator, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node);
  const ag_team team = ag_team_of(node);
  MPI_Comm_split(communicator, team.rank == 0 ? 0 : MPI_UNDEFINED, rank, &leaders);
  const ag_placement own = find_placement(rank, threads);
  if (team.rank == 0) status = ag_allocate(team.size, sizeof own, &ranks);
  AG_TRY(ag_ranks_agree(communicator, status));
  MPI_Gather(&own, sizeof own, MPI_BYTE, ranks, sizeof own, MPI_BYTE, 0, node);
  if (team.rank == 0) status = judge_nodes(leaders, ranks, team.size);
  AG_TRY(ag_ranks_agree(communicator, status));
cleanup:
  ag_release(&ranks);
  if (leaders != MPI_COMM_NULL) MPI_Comm_free(&leaders);
  MPI_Comm_free(&node);
  return status;
}
