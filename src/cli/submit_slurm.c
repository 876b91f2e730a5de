/* What Slurm says about its partitions, and times as it writes them. */
#include "cli/submit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOUR = 60, DAY = 24 * HOUR, MINUTES_MAXIMUM = 3653 * DAY, FIELDS = 4 };

/* ---- times ---- */

/* Numbers with colons between them. text: up to its end. */
static bool read_numbers(const char *text, size_t numbers[FIELDS], size_t *count)
{
  *count = 0;
  for (;;) {
    char *end = NULL;
    if (*count == FIELDS || !isdigit((unsigned char)*text) || strspn(text, "0123456789") > 9)
      return false;
    numbers[(*count)++] = strtoul(text, &end, 10);
    if (*end == '\0') return true;
    if (*end != ':') return false;
    text = end + 1;
  }
}

ag_status ag_slurm_minutes_read(const char *text, size_t *minutes)
{
  size_t days[FIELDS] = {0};
  size_t rest[FIELDS] = {0};
  size_t count = 0;
  bool right = false;
  char head[16];
  const size_t dash = strcspn(text, "-");
  *minutes = 0;
  if (text[dash] == '\0') { /* minutes, minutes:seconds, hours:minutes:seconds */
    right = read_numbers(text, rest, &count) && count <= 3;
    const size_t *at = count == 3 ? rest + 1 : rest;
    *minutes = (count == 3 ? HOUR * rest[0] : 0) + at[0] + (at[1] + 59) / 60;
  } else if (dash < sizeof head) { /* days-hours, days-hours:minutes, days-hours:minutes:seconds */
    snprintf(head, sizeof head, "%.*s", (int)dash, text);
    right = read_numbers(head, days, &count) && count == 1;
    right = right && read_numbers(text + dash + 1, rest, &count) && count <= 3;
    *minutes = DAY * days[0] + HOUR * rest[0] + rest[1] + (rest[2] + 59) / 60;
  }
  if (right && *minutes > 0 && *minutes <= MINUTES_MAXIMUM) return AG_OK;
  return ag_fail(AG_INVALID_ARGUMENT,
                 "'%s' is no time; expected minutes, HOURS:MINUTES:SECONDS or DAYS-HOURS:MINUTES",
                 text);
}

void ag_slurm_minutes_print(size_t minutes, char out[AG_SLURM_TIME_SIZE])
{
  const size_t days = minutes / DAY;
  int length = 0;
  if (days > 0) length = snprintf(out, AG_SLURM_TIME_SIZE, "%zu-", days);
  snprintf(out + length, AG_SLURM_TIME_SIZE - (size_t)length, "%02zu:%02zu:00",
           minutes % DAY / HOUR, minutes % HOUR);
}

/* ---- partitions ---- */

enum { NAMES_MAXIMUM = 256, COLUMNS = 6, COLUMN_SIZE = AG_NAME_SIZE };

/* A line of sinfo's: columns that end where the next begins. */
static bool read_line(const char *line, size_t length, char columns[COLUMNS][COLUMN_SIZE])
{
  for (size_t i = 0; i < COLUMNS; ++i) {
    const size_t width = ag_minimum(strcspn(line, "|"), length);
    if (width + 1 > COLUMN_SIZE || (i + 1 < COLUMNS) != (width < length)) return false;
    snprintf(columns[i], COLUMN_SIZE, "%.*s", (int)width, line);
    line += width + 1;
    length -= ag_minimum(width + 1, length);
  }
  return true;
}

/* A "+" behind it says that some nodes have more. */
static size_t read_count(const char *text)
{
  const unsigned long value = strtoul(text, NULL, 10);
  return value > 1000000 ? 1000000 : value;
}

/* Adds nodes of one kind to the partition. */
static void add_nodes(char columns[COLUMNS][COLUMN_SIZE], ag_partition *partition)
{
  const size_t cpus = read_count(columns[2]);
  const size_t cores = read_count(columns[3]) * read_count(columns[4]);
  const size_t usable = cores > 0 && cores < cpus ? cores : cpus;
  size_t minutes = 0;
  if (ag_slurm_minutes_read(columns[5], &minutes) != AG_OK) minutes = 0; /* "infinite" */
  partition->nodes += read_count(columns[1]);
  if (partition->cores == 0 || usable < partition->cores) partition->cores = usable;
  partition->has_siblings = partition->has_siblings || usable < cpus;
  partition->minutes = minutes;
}

static ag_status refuse(const char *name, char names[NAMES_MAXIMUM][COLUMN_SIZE], size_t count)
{
  const char *candidates[NAMES_MAXIMUM];
  if (name == NULL) {
    return ag_fail(AG_INVALID_ARGUMENT,
                   "sinfo marks no partition as the default: give --partition");
  }
  for (size_t i = 0; i < count; ++i)
    candidates[i] = names[i];
  const char *nearest = ag_text_nearest(name, candidates, count);
  if (nearest == NULL) {
    return ag_fail(AG_INVALID_ARGUMENT, "sinfo knows no partition '%s' with nodes in it", name);
  }
  return ag_fail(AG_INVALID_ARGUMENT, "sinfo knows no partition '%s'; did you mean '%s'?", name,
                 nearest);
}

ag_status ag_partition_find(const char *printed, const char *name, ag_partition *partition)
{
  char names[NAMES_MAXIMUM][COLUMN_SIZE];
  char columns[COLUMNS][COLUMN_SIZE];
  size_t count = 0;
  *partition = (ag_partition){0};
  for (const char *line = printed; *line != '\0';) {
    const size_t length = strcspn(line, "\n");
    const bool whole = read_line(line, length, columns);
    line += length + (line[length] == '\n');
    if (!whole) continue;
    const size_t end = strlen(columns[0]);
    const bool is_default = end > 0 && columns[0][end - 1] == '*';
    if (is_default) columns[0][end - 1] = '\0';
    if (count < NAMES_MAXIMUM) snprintf(names[count++], COLUMN_SIZE, "%s", columns[0]);
    if (name == NULL ? !is_default : strcmp(columns[0], name) != 0) continue;
    snprintf(partition->name, sizeof partition->name, "%s", columns[0]);
    add_nodes(columns, partition);
  }
  if (partition->nodes > 0 && partition->cores > 0) return AG_OK;
  return refuse(name, names, count);
}

/* ---- sinfo ---- */

static bool is_in_path(const char *name)
{
  const char *path = getenv("PATH");
  char file[AG_PATH_SIZE];
  for (const char *at = path == NULL ? "" : path; *at != '\0'; at += *at == ':') {
    const int width = (int)strcspn(at, ":");
    snprintf(file, sizeof file, "%.*s/%s", width, at, name);
    if (width > 0 && access(file, X_OK) == 0) return true;
    at += width;
  }
  return false;
}

ag_status ag_partition_ask(const char *name, bool *found, ag_partition *partition)
{
  const double seconds = 5;
  const char *const arguments[] = {"sinfo", "--noheader", "--format", AG_SINFO_FORMAT, NULL};
  ag_program program;
  *found = false;
  if (!is_in_path(arguments[0])) {
    ag_log("there is no sinfo to ask for a partition: nodes are taken to be like this one");
    return AG_OK;
  }
  ag_status status = ag_program_run(arguments, seconds, &program);
  if (status == AG_IO_ERROR) {
    return ag_fail(AG_INVALID_ARGUMENT, "%s; --nodes, --ranks and --threads go without it",
                   ag_message());
  }
  if (status != AG_OK) return status;
  if (program.code != 0) {
    const int length = (int)strcspn(program.errors.bytes, "\n");
    ag_log("sinfo failed (%.*s): nodes are taken to be like this one", length,
           program.errors.bytes);
  } else {
    status = ag_partition_find(program.output.bytes, name, partition);
    *found = status == AG_OK;
  }
  ag_program_clear(&program);
  return status;
}
