/* advgrid status from a ledger and a progress that were made by hand: the screen to the letter, the
 * lines that a screen has, and names that mean harm. The JSON is parsed by
 * tests/cli/check_status.py too. */
#include "store/small_plan.h"

#include "report/status.h"

enum { NOW = 1769860800 };

/* Model 0 ("none-seed1") is trained and attacked, but for one unit of its last point; model 1
 * ("none-seed7") failed; of model 2 one unit failed; of model 3 nothing is known. */
typedef struct fixture {
  small_plan *small;
  ag_ledger *ledger;
  ag_text text;
  ag_screen screen;
  ag_live live;
  ag_live_rank ranks[3];
  ag_live_model model;
} fixture;

static void start(fixture *f)
{
  *f = (fixture){.small = small_plan_create(), .screen = {false, false, 80, 24}};
  for (size_t i = 0; i < PLAN_MODELS; ++i)
    f->small->models[i].flops = 100;
  for (size_t i = 0; i < PLAN_UNITS; ++i)
    f->small->units[i].flops = 50;
  ag_settings_start(&f->small->job.training.settings, ag_training_options);
  assert_int_equal(ag_settings_set(&f->small->job.training.settings, "epochs", "7"), AG_OK);
  f->small->plan.training_flops = 100 * PLAN_MODELS;
  f->small->plan.attack_flops = 50 * PLAN_UNITS;
  assert_int_equal(ag_ledger_create(&f->small->plan, &f->ledger), AG_OK);
}

static void stop(fixture *f)
{
  ag_text_clear(&f->text);
  ag_ledger_destroy(&f->ledger);
  free(f->small);
  assert_int_equal(ag_live_blocks(), 0);
}

static void fail_work(fixture *f, ag_digest key, const char *reason)
{
  assert_int_equal(take(f->ledger, AG_RECORD_FAILURE, key, reason, strlen(reason)), AG_OK);
}

static void fill(fixture *f)
{
  const ag_model_record record = {.seconds = 1, .images = 1};
  const size_t trained[] = {0, 2};
  for (size_t i = 0; i < 2; ++i) {
    assert_int_equal(
        take(f->ledger, AG_RECORD_MODEL, f->small->models[trained[i]].key, &record, sizeof record),
        AG_OK);
  }
  fail_work(f, f->small->models[1].key, "the loss is not finite in epoch 2, step 3 of 9");
  fail_work(f, f->small->units[18].key, "value 7 went too far");
  for (size_t i = 0; i < 7; ++i)
    take_unit_done(f->ledger, i);
}

static void begin_run(fixture *f, size_t times)
{
  ag_provenance run = {.ranks = 3, .threads = 2};
  const ag_digest none = {{0}};
  snprintf(run.hosts, sizeof run.hosts, "alpha,beta");
  snprintf(run.started, sizeof run.started, "2026-01-31T12:00:00Z");
  for (size_t i = 0; i < times; ++i)
    assert_int_equal(take(f->ledger, AG_RECORD_RUN, none, &run, sizeof run), AG_OK);
}

/* The second run: rank 0 attacks, rank 1 trains model 3, rank 2 waits. */
static void go_on(fixture *f)
{
  const ag_unit *unit = &f->small->units[22];
  begin_run(f, 2);
  f->model = (ag_live_model){f->small->models[3].key, 0.5};
  f->ranks[0] =
      (ag_live_rank){AG_LIVE_ATTACKING, unit->key, unit->first, unit->count, 12.5, "alpha"};
  f->ranks[1] = (ag_live_rank){AG_LIVE_TRAINING, f->model.key, 0, 0, 65, "beta"};
  f->ranks[2] = (ag_live_rank){AG_LIVE_WAITING, {{0}}, 0, 0, 3, "beta"};
  f->live = (ag_live){.run = 2,
                      .written = NOW - 3,
                      .elapsed = 99.5,
                      .share = 0.3125,
                      .images_per_second = 1230,
                      .left = {true, 720, 540, 1020},
                      .rank_count = 3,
                      .model_count = 1,
                      .ranks = f->ranks,
                      .models = &f->model};
}

typedef enum form { SCREEN, WHOLE, LINE, JSON } form;

static const char *show(fixture *f, form how, const ag_live *live, const char *slurm)
{
  ag_status_view view;
  ag_text_clear(&f->text);
  assert_int_equal(ag_status_view_make(f->ledger, live, NOW, &view), AG_OK);
  if (how == LINE) {
    assert_int_equal(ag_status_line(&view, &f->text), AG_OK);
  } else if (how == JSON) {
    assert_int_equal(ag_status_json(&view, "DIR", slurm, &f->text), AG_OK);
  } else {
    assert_int_equal(ag_status_screen(&view, &f->screen, how == WHOLE, slurm, &f->text), AG_OK);
  }
  ag_status_view_clear(&view);
  return f->text.bytes;
}

/* ---- to the letter ------------------------------------------------------------------------- */

static void nothing_has_begun(void **state)
{
  (void)state;
  fixture f;
  start(&f);
  assert_string_equal(show(&f, SCREEN, NULL, ""),
                      "by-hand  [..................]  0.0 % of the estimated work done\n"
                      "stopped  no run goes on; the same command continues it\n"
                      "no run has started yet\n"
                      "models        0 of 4 done\n"
                      "  none-seed1         [..................]  not begun\n"
                      "  none-seed7         [..................]  not begun\n"
                      "  bruit-?lev?-seed1  [..................]  not begun\n"
                      "  bruit-?lev?-seed7  [..................]  not begun\n"
                      "units         0 of 32 done\n"
                      "  fgsm               [..................]  0 of 16 units\n"
                      "  pgd-20             [..................]  0 of 16 units\n");
  stop(&f);
}

static void half_is_done(void **state)
{
  (void)state;
  fixture f;
  start(&f);
  fill(&f);
  go_on(&f);
  /* Epsilon 0.01 makes a gate fail: all went 0.03 far. */
  f.small->epsilons[0] = (ag_epsilon){.value = 0.01, .text = "0.01"};
  assert_string_equal(
      show(&f, SCREEN, &f.live, "slurm    job 41: RUNNING on n[1-2], time left 53:10\n"),
      "by-hand  [#####.............]  31.2 % of the estimated work done\n"
      "running  12 min left (9 min to 17 min)  1230 images/s\n"
      "run 2   started 2026-01-31T12:00:00Z on alpha,beta, 3 ranks of 2 threads\n"
      "models        2 of 4 done, 1 failed\n"
      "  none-seed1         [##################]  trained, 7 of 8 units\n"
      "  none-seed7         [..................]  failed\n"
      "  bruit-?lev?-seed1  [##################]  trained, 0 of 8 units, 1 failed\n"
      "  bruit-?lev?-seed7  [#########.........]  epoch 1 of 7 on rank 1\n"
      "units         7 of 32 done, 1 failed\n"
      "  fgsm               [####..............]  4 of 16 units, 1 failed\n"
      "  pgd-20             [###...............]  3 of 16 units, 1 rank at it\n"
      "ranks         3: 1 training, 1 attacking, 1 waiting\n"
      "       0  alpha  bruit-?lev?-seed1, pgd-20 at epsilon 0.1, images 0 to 2, 13 s\n"
      "       1  beta  training bruit-?lev?-seed7, 1 min 05 s\n"
      "       2  beta  waiting, 3 s\n"
      "failed   none-seed7: the loss is not finite in epoch 2, step 3 of 9\n"
      "failed   bruit-?lev?-seed1, fgsm at epsilon 0.1, images 0 to 2: value 7 went too far\n"
      "gates         1 passed, 1 failed, 7 not applicable\n"
      "  failed  perturbations are within bounds: none-seed1, fgsm: image 0 went 0.0299999993 far "
      "at epsilon 0.01, which is 0.01\n"
      "slurm    job 41: RUNNING on n[1-2], time left 53:10\n");
  assert_string_equal(show(&f, LINE, &f.live, ""),
                      " 31.2 %  models        2 of 4 done, 1 failed  units         7 of 32 done, 1 "
                      "failed  running  12 min left (9 min to 17 min)  1230 images/s\n");
  stop(&f);
}

/* ---- states -------------------------------------------------------------------------------- */

static void assert_has(const char *text, const char *want)
{
  if (strstr(text, want) == NULL) fail_msg("'%s' is not in\n%s", want, text);
}

static void what_goes_on_is_known_by_its_run_and_its_age(void **state)
{
  (void)state;
  fixture f;
  start(&f);
  go_on(&f);
  f.live.written = NOW - 25;
  assert_has(show(&f, SCREEN, &f.live, ""), "1230 images/s  seen 25 s ago\n");
  f.live.written = NOW + 500; /* a clock that is ahead */
  assert_has(show(&f, SCREEN, &f.live, ""), "\nrunning  12 min left");
  f.live.written = NOW - 125;
  assert_has(show(&f, SCREEN, &f.live, ""), "\nsilent   no sign of life for 2 min 05 s: ");
  assert_null(strstr(f.text.bytes, "ranks  "));
  f.live.written = NOW;
  f.live.run = 1; /* which was killed; the second has written nothing yet */
  assert_has(show(&f, SCREEN, &f.live, ""), "\nstopped  no run goes on");
  f.live.run = 2;
  f.live.left = (ag_forecast){0};
  assert_has(show(&f, SCREEN, &f.live, ""), "\nrunning  time left not known yet  1230");
  stop(&f);
}

/* Units of a model that failed are nobody's work any more. */
static void done_is_when_nothing_is_open(void **state)
{
  (void)state;
  fixture f;
  const ag_model_record record = {.seconds = 1, .images = 1};
  start(&f);
  for (size_t i = 0; i < PLAN_MODELS; ++i) {
    if (i == 1) continue;
    assert_int_equal(
        take(f.ledger, AG_RECORD_MODEL, f.small->models[i].key, &record, sizeof record), AG_OK);
  }
  fail_work(&f, f.small->models[1].key, "no");
  for (size_t i = 0; i < PLAN_UNITS - 1; ++i) {
    if (i / 8 != 1) take_unit_done(f.ledger, i);
  }
  assert_has(show(&f, LINE, NULL, ""), "  stopped  ");
  fail_work(&f, f.small->units[PLAN_UNITS - 1].key, "neither");
  assert_has(show(&f, LINE, NULL, ""), "  done     nothing is left to do\n");
  stop(&f);
}

/* A model from a file needs no training, and counts as done. */
static void given_models_are_done(void **state)
{
  (void)state;
  fixture f;
  start(&f);
  f.small->models[3].flops = 0;
  f.small->models[3].from_file = true;
  assert_has(show(&f, SCREEN, NULL, ""), "models        1 of 4 done\n");
  assert_has(f.text.bytes, "]  from a file, 0 of 8 units\n");
  stop(&f);
}

/* ---- one screen ------------------------------------------------------------------------------ */

static size_t count_lines(const char *text)
{
  size_t lines = 0;
  for (; *text != '\0'; ++text)
    lines += *text == '\n';
  return lines;
}

/* Of 32 units 30 failed; nothing is lost without being counted. */
static void lists_share_what_a_screen_has(void **state)
{
  (void)state;
  fixture f;
  start(&f);
  fill(&f);
  for (size_t i = 0; i < PLAN_UNITS; ++i)
    if (f.ledger->units[i].progress == AG_PROGRESS_MISSING)
      fail_work(&f, f.small->units[i].key, "again");
  go_on(&f);
  for (f.screen.rows = 15; f.screen.rows < 80; ++f.screen.rows) {
    const size_t lines = count_lines(show(&f, SCREEN, &f.live, "slurm    job 1\n"));
    assert_true(lines < f.screen.rows);
    size_t failures = 0;
    for (const char *at = strstr(f.text.bytes, "\nfailed   "); at != NULL;
         at = strstr(at + 1, "\nfailed   "))
      ++failures;
    if (failures == 26) continue; /* 25 units and a model */
    char more[64];
    snprintf(more, sizeof more, "... and %zu more\n", 26 - failures);
    assert_has(f.text.bytes, more);
    assert_int_equal(lines, f.screen.rows - 1); /* the whole screen is used */
  }
  f.screen.rows = 24;
  assert_null(strstr(show(&f, WHOLE, &f.live, ""), "more\n"));
  assert_has(f.text.bytes, "\nsanity gates\n");
  assert_has(f.text.bytes, "  passed  one step is not stronger");
  stop(&f);
}

/* What is being done comes before what is done. */
static void what_goes_on_is_shown_first(void **state)
{
  (void)state;
  fixture f;
  start(&f);
  fill(&f);
  go_on(&f);
  f.screen.rows = 15;
  assert_has(show(&f, SCREEN, &f.live, ""), "models        2 of 4 done, 1 failed\n"
                                            "  bruit-?lev?-seed7  [#########.........]  epoch");
  assert_has(f.text.bytes, "\n  ... and 3 more\n");
  stop(&f);
}

/* On a terminal no line wraps. */
static void lines_are_cut_to_a_terminal(void **state)
{
  (void)state;
  fixture f;
  start(&f);
  fill(&f);
  go_on(&f);
  f.screen = (ag_screen){.terminal = true, .unicode = true, .columns = 40, .rows = 60};
  for (const char *line = show(&f, SCREEN, &f.live, ""); *line != '\0';) {
    const size_t length = strcspn(line, "\n");
    size_t letters = 0;
    for (size_t i = 0; i < length; ++i)
      letters += ((unsigned char)line[i] & 0xc0) != 0x80;
    assert_true(letters <= 40);
    line += length + 1;
  }
  assert_has(f.text.bytes, "  bruit-\xc3\xa9lev\xc3\xa9-seed7  ");
  stop(&f);
}

/* ---- texts that mean harm
 * ------------------------------------------------------------------------
 */

static void nothing_reaches_the_terminal_as_a_command(void **state)
{
  (void)state;
  static const char evil[] = "a\033[2J\r\n\x9b\x80\xff\"\\</script>\xe2\x80\xae\x07 end";
  fixture f;
  start(&f);
  fail_work(&f, f.small->models[1].key, evil);
  go_on(&f);
  snprintf(f.ranks[1].host, sizeof f.ranks[1].host, "\033]0;x\007");
  f.screen.unicode = true;
  for (form how = SCREEN; how <= JSON; ++how) {
    for (const char *at = show(&f, how, &f.live, ""); *at != '\0'; ++at)
      assert_true((unsigned char)*at >= ' ' || *at == '\n');
    assert_int_equal(count_lines(f.text.bytes) == 1, how == LINE || how == JSON);
    assert_null(strstr(f.text.bytes, "\xe2\x80\xae"));
  }
  assert_has(f.text.bytes, "a [2J \\n\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\\"\\\\</script>");
  stop(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_has_begun),
      cmocka_unit_test(half_is_done),
      cmocka_unit_test(what_goes_on_is_known_by_its_run_and_its_age),
      cmocka_unit_test(done_is_when_nothing_is_open),
      cmocka_unit_test(given_models_are_done),
      cmocka_unit_test(lists_share_what_a_screen_has),
      cmocka_unit_test(what_goes_on_is_shown_first),
      cmocka_unit_test(lines_are_cut_to_a_terminal),
      cmocka_unit_test(nothing_reaches_the_terminal_as_a_command),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
