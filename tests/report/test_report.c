/* What a person reads at the end of a run: the table of accuracies and the sanity gates, from a
 * ledger that was filled by hand. */
#include "store/small_plan.h"

#include "advgrid/report.h"

/* Model 0 ("none-seed1") is trained and attacked, but for one unit of its last point; model 1
 * ("none-seed7") failed; of model 2 one unit failed; of model 3 nothing is known. */
typedef struct fixture {
  small_plan *small;
  ag_ledger *ledger;
  ag_text text;
} fixture;

static fixture start(void)
{
  fixture f = {.small = small_plan_create()};
  assert_int_equal(ag_ledger_create(&f.small->plan, &f.ledger), AG_OK);
  return f;
}

static void fill(fixture *f)
{
  const ag_model_record record = {.seconds = 1, .images = 1};
  const char diverged[] = "the loss is not finite in epoch 2, step 3 of 9";
  const char broken[] = "value 7 went too far";
  assert_int_equal(
      take(f->ledger, AG_RECORD_MODEL, f->small->models[0].key, &record, sizeof record), AG_OK);
  assert_int_equal(
      take(f->ledger, AG_RECORD_MODEL, f->small->models[2].key, &record, sizeof record), AG_OK);
  assert_int_equal(
      take(f->ledger, AG_RECORD_FAILURE, f->small->models[1].key, diverged, sizeof diverged - 1),
      AG_OK);
  assert_int_equal(
      take(f->ledger, AG_RECORD_FAILURE, f->small->units[18].key, broken, sizeof broken - 1),
      AG_OK);
  for (size_t i = 0; i < 7; ++i)
    take_unit_done(f->ledger, i);
}

static void stop(fixture *f)
{
  ag_text_clear(&f->text);
  ag_ledger_destroy(&f->ledger);
  free(f->small);
  assert_int_equal(ag_live_blocks(), 0);
}

/* The rest of the text from the first line that begins so; fails where there is none. */
static const char *line(const fixture *f, const char *begin)
{
  const char *found = f->text.bytes;
  while (found != NULL && strncmp(found, begin, strlen(begin)) != 0) {
    found = strchr(found, '\n');
    if (found != NULL) ++found;
  }
  if (found == NULL) fail_msg("no line begins with '%s' in\n%s", begin, f->text.bytes);
  return found;
}

static void assert_line(const fixture *f, const char *from, const char *begin, const char *want)
{
  const char *got = strstr(from, begin);
  assert_non_null(got);
  if (strncmp(got, want, strlen(want)) != 0 || got[strlen(want)] != '\n') {
    fail_msg("'%s' is not there in\n%s", want, f->text.bytes);
  }
}

/* Of five images image 4 is wrong, and 1 and 3 fall: 2 of 5. */
static void table_shows_accuracies(void **state)
{
  (void)state;
  fixture f = start();
  fill(&f);
  assert_int_equal(ag_report_table(f.ledger, &f.text), AG_OK);
  assert_non_null(strstr(f.text.bytes, "by-hand: accuracy under attack"));
  const char *model = line(&f, "none-seed1: clean 80.00 % of 5 images\n");
  assert_line(&f, model, "  attack", "  attack \\ epsilon         8/255       0.1");
  assert_line(&f, model, "  fgsm", "  fgsm                     40.00     40.00");
  assert_line(&f, model, "  pgd-20", "  pgd-20                   40.00         -");
  stop(&f);
}

/* Where radii were sought, the table says so, and of how many images there is none: image 0. */
static void table_tells_radii_from_attacks(void **state)
{
  (void)state;
  fixture f = start();
  ag_entry_start(&f.small->attacks[1], ag_kind_find(ag_attack_table, "certify"));
  fill(&f);
  assert_int_equal(ag_report_table(f.ledger, &f.text), AG_OK);
  const char *model = line(&f, "none-seed1: clean 80.00 % of 5 images\n");
  assert_line(&f, model, "  certify: ",
              "  certify: certified accuracy at L2 radius epsilon; no class for 1 of 5 images "
              "(abstentions)");
  assert_null(strstr(f.text.bytes, "  fgsm: "));
  model = line(&f, "none-seed7: ");
  assert_null(strstr(model, "  certify: ")); /* nothing is done */
  stop(&f);
}

static void table_shows_what_failed_and_what_is_missing(void **state)
{
  (void)state;
  fixture f = start();
  fill(&f);
  assert_int_equal(ag_report_table(f.ledger, &f.text), AG_OK);
  const char *model = line(&f, "none-seed7: the loss is not finite in epoch 2, step 3 of 9\n");
  assert_line(&f, model, "  fgsm", "  fgsm                    failed    failed");
  model = line(&f, "bruit-\xc3\xa9lev\xc3\xa9-seed1");
  assert_line(&f, model, "  fgsm", "  fgsm                         -    failed");
  model = line(&f, "bruit-\xc3\xa9lev\xc3\xa9-seed7");
  assert_line(&f, model, "  pgd-20", "  pgd-20                       -         -");
  stop(&f);
}

/* Wilson's interval of 2 of 5 is [0.1176, 0.7693]: 36.9 points to its farther end. */
static void table_says_how_sure_it_is(void **state)
{
  (void)state;
  fixture f = start();
  assert_int_equal(ag_report_table(f.ledger, &f.text), AG_OK);
  assert_null(strstr(f.text.bytes, "Wilson")); /* nothing is done, nothing is sure */
  ag_text_clear(&f.text);
  fill(&f);
  assert_int_equal(ag_report_table(f.ledger, &f.text), AG_OK);
  assert_non_null(strstr(f.text.bytes, "95 % Wilson intervals reach at most 36.9 points away."));
  stop(&f);
}

/* Of model 0 three points are done, in which images 1 and 3 fall and all went 0.03 far. What failed
 * comes first; journals of before gradients were noted say nothing of them. */
static void gates_tell_failures_first(void **state)
{
  (void)state;
  fixture f = start();
  assert_int_equal(ag_report_gates(f.ledger, &f.text), AG_OK);
  assert_null(f.text.bytes); /* nothing is done */
  fill(&f);
  f.small->epsilons[0] = (ag_epsilon){.value = 0.01, .text = "0.01"};
  assert_int_equal(ag_report_gates(f.ledger, &f.text), AG_OK);
  assert_string_equal(
      f.text.bytes,
      "\nsanity gates\n"
      "  failed  perturbations are within bounds: none-seed1, fgsm: image 0 went 0.0299999993 far "
      "at"
      " epsilon 0.01, which is 0.01\n"
      "  passed  one step is not stronger than many: 1 pair of attacks\n"
      "  -       epsilon 0 equals clean: no epsilon is 0\n"
      "  -       accuracy does not rise with epsilon: no attack of 5 gradients or more, or of none,"
      " has two epsilons\n"
      "  -       more steps or restarts do not help the defense: no two attacks differ in steps,"
      " restarts or draws alone\n"
      "  -       a large epsilon brings accuracy near 0: no attack of 5 gradients or more at an"
      " epsilon of 0.5 or more in Linf\n"
      "  -       gradients are not zero: no attack asked for gradients, or it was not noted\n"
      "  -       a black-box attack is not stronger than a white-box one: no attacks without"
      " gradients and of 5 or more at one epsilon\n"
      "  -       certified accuracy is not above that under attack: no certificate and no attack in"
      " L2 at one epsilon\n");
  stop(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(table_shows_accuracies),
      cmocka_unit_test(table_tells_radii_from_attacks),
      cmocka_unit_test(table_shows_what_failed_and_what_is_missing),
      cmocka_unit_test(table_says_how_sure_it_is),
      cmocka_unit_test(gates_tell_failures_first),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
