/* DIR/progress as text: a line for each number, for each model that is being trained and for each
 * rank, and a last line by which a whole file is known. */
#include "store/live.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a file of an advgrid that writes other lines does not begin with. */
static const char first_line[] = "advgrid-progress 1\n";

static const char *const task_words[] = {"waiting", "training", "attacking"};
enum { TASKS = sizeof task_words / sizeof *task_words };

static bool join(char path[AG_PATH_SIZE], const char *folder, const char *name)
{
  const int length = snprintf(path, AG_PATH_SIZE, "%s/%s", folder, name);
  return length > 0 && length < AG_PATH_SIZE;
}

/* ---- writing ----------------------------------------------------------------------------- */

static void put_rank(FILE *file, const ag_live_rank *rank)
{
  char key[AG_DIGEST_TEXT_SIZE];
  ag_digest_text(&rank->key, key);
  fprintf(file, "rank %s %s %zu %zu %.1f %s\n", task_words[rank->task], key, rank->first,
          rank->count, rank->seconds, rank->host[0] == '\0' ? "-" : rank->host);
}

static void put(FILE *file, const ag_live *live)
{
  fprintf(file, "%srun %llu\nwritten %llu\nelapsed %.1f\nshare %.6f\nimages_per_second %.6g\n",
          first_line, (unsigned long long)live->run, (unsigned long long)live->written,
          live->elapsed, live->share, live->images_per_second);
  fprintf(file, "left %d %.1f %.1f %.1f\n", live->left.is_known, live->left.seconds, live->left.low,
          live->left.high);
  fprintf(file, "models %zu\n", live->model_count);
  for (size_t i = 0; i < live->model_count; ++i) {
    char key[AG_DIGEST_TEXT_SIZE];
    ag_digest_text(&live->models[i].key, key);
    fprintf(file, "model %s %.6f\n", key, live->models[i].share);
  }
  fprintf(file, "ranks %zu\n", live->rank_count);
  for (size_t i = 0; i < live->rank_count; ++i)
    put_rank(file, &live->ranks[i]);
  fputs("end\n", file);
}

bool ag_live_write(const char *folder, const ag_live *live)
{
  char path[AG_PATH_SIZE];
  char temporary[AG_PATH_SIZE];
  if (!join(path, folder, "progress") || !join(temporary, folder, "progress.tmp")) return false;
  FILE *file = fopen(temporary, "we");
  if (file == NULL) return false;
  put(file, live);
  const bool written = ferror(file) == 0;
  const bool closed = fclose(file) == 0; /* which may find that the disk is full */
  if (written && closed && rename(temporary, path) == 0) return true;
  (void)unlink(temporary);
  return false;
}

void ag_live_remove(const char *folder)
{
  char path[AG_PATH_SIZE];
  if (join(path, folder, "progress")) (void)unlink(path);
}

/* ---- reading ------------------------------------------------------------------------------ */

/* The file's text, word by word. */
typedef struct reader {
  const char *at;
  bool is_whole; /* all that was read so far was as it should be */
} reader;

/* Takes the next word; one that is not there or too long is none of ours. */
static void take_word(reader *from, size_t size, char *word)
{
  static const char blanks[] = " \n";
  from->at += strspn(from->at, blanks);
  const size_t length = strcspn(from->at, blanks);
  if (length == 0 || length >= size) from->is_whole = false;
  snprintf(word, size, "%.*s", (int)ag_minimum(length, size - 1), from->at);
  from->at += length;
}

static void take_name(reader *from, const char *name)
{
  char word[32];
  take_word(from, sizeof word, word);
  if (strcmp(word, name) != 0) from->is_whole = false;
}

static double take_number(reader *from)
{
  char word[64];
  char *end = word;
  take_word(from, sizeof word, word);
  const double value = strtod(word, &end);
  if (end == word || *end != '\0' || !isfinite(value)) from->is_whole = false;
  return value;
}

static uint64_t take_count(reader *from)
{
  char word[24];
  take_word(from, sizeof word, word);
  if (word[strspn(word, "0123456789")] != '\0') from->is_whole = false;
  return strtoull(word, NULL, 10);
}

/* Of lines that follow: no more than there are bytes. */
static size_t take_lines(reader *from, const char *name)
{
  take_name(from, name);
  const uint64_t count = take_count(from);
  if (count > strlen(from->at)) from->is_whole = false;
  return from->is_whole ? (size_t)count : 0;
}

static void take_key(reader *from, ag_digest *key)
{
  char word[AG_DIGEST_TEXT_SIZE];
  take_word(from, sizeof word, word);
  if (!ag_digest_read(word, key)) from->is_whole = false;
}

/* Of what is done. */
static double take_share(reader *from)
{
  const double share = take_number(from);
  if (!(share >= 0 && share <= 1)) from->is_whole = false;
  return share;
}

static void read_head(reader *from, ag_live *live)
{
  take_name(from, "run");
  live->run = take_count(from);
  take_name(from, "written");
  live->written = take_count(from);
  take_name(from, "elapsed");
  live->elapsed = take_number(from);
  take_name(from, "share");
  live->share = take_share(from);
  take_name(from, "images_per_second");
  live->images_per_second = take_number(from);
  take_name(from, "left");
  live->left.is_known = take_count(from) == 1;
  live->left.seconds = take_number(from);
  live->left.low = take_number(from);
  live->left.high = take_number(from);
}

static void read_model(reader *from, ag_live_model *model)
{
  take_name(from, "model");
  take_key(from, &model->key);
  model->share = take_share(from);
}

static void read_rank(reader *from, ag_live_rank *rank)
{
  char task[16];
  size_t word = 0;
  take_name(from, "rank");
  take_word(from, sizeof task, task);
  take_key(from, &rank->key);
  rank->first = (size_t)take_count(from);
  rank->count = (size_t)take_count(from);
  rank->seconds = take_number(from);
  take_word(from, sizeof rank->host, rank->host);
  while (word < TASKS && strcmp(task, task_words[word]) != 0)
    ++word;
  if (word == TASKS) from->is_whole = false;
  rank->task = word < TASKS ? (ag_live_task)word : AG_LIVE_WAITING;
}

static ag_status read_all(reader *from, ag_live *live)
{
  ag_status status = AG_OK;
  read_head(from, live);
  live->model_count = take_lines(from, "models");
  AG_TRY(ag_allocate(live->model_count, sizeof *live->models, &live->models));
  for (size_t i = 0; i < live->model_count && from->is_whole; ++i)
    read_model(from, &live->models[i]);
  live->rank_count = take_lines(from, "ranks");
  AG_TRY(ag_allocate(live->rank_count, sizeof *live->ranks, &live->ranks));
  for (size_t i = 0; i < live->rank_count && from->is_whole; ++i)
    read_rank(from, &live->ranks[i]);
  take_name(from, "end");
cleanup:
  return status;
}

ag_status ag_live_read(const char *folder, bool *found, ag_live *live)
{
  ag_status status = AG_OK;
  char path[AG_PATH_SIZE];
  char *text = NULL;
  size_t size = 0;
  *found = false;
  *live = (ag_live){0};
  if (!join(path, folder, "progress") || !ag_file_exists(path)) return AG_OK;
  if (ag_file_read(path, &text, &size) != AG_OK) return AG_OK; /* it has just gone */
  if (strncmp(text, first_line, strlen(first_line)) == 0) {
    reader from = {text + strlen(first_line), true};
    status = read_all(&from, live);
    *found = status == AG_OK && from.is_whole;
  }
  ag_release(&text);
  if (!*found) ag_live_clear(live);
  return status;
}

void ag_live_clear(ag_live *live)
{
  ag_release(&live->ranks);
  ag_release(&live->models);
  live->rank_count = 0;
  live->model_count = 0;
}
