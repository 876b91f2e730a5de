/* What comparison.html shows: the folders, how their jobs differ, and their numbers beside each
 * other. */
#include "report/comparison.h"

#include <stdio.h>
#include <string.h>

/* ---- head ------------------------------------------------------------------------------------ */

static void put_title(ag_comparison *all)
{
  enum { NAMED = 4 };
  ag_sheet *sheet = &all->out.sheet;
  char now[AG_TIMESTAMP_SIZE];
  ag_clock_timestamp(now);
  ag_sheet_put(sheet, "<header><h1>");
  for (size_t i = 0; i < all->count && all->count <= NAMED; ++i) {
    ag_sheet_put(sheet, "%s", i == 0 ? "" : i + 1 < all->count ? ", " : " and ");
    ag_sheet_name(sheet, ag_page_job_name(&all->sides[i]));
  }
  if (all->count > NAMED) ag_sheet_put(sheet, "%zu result folders", all->count);
  ag_sheet_put(sheet,
               "</h1>\n<p class=\"soft\">Adversarial robustness compared. Written by advgrid"
               " " ADVGRID_VERSION " on %.10s at %.5s UTC from the results.h5 of each.</p>\n"
               "</header>\n",
               now, now + 11);
}

static void put_contents(ag_comparison *all)
{
  const ag_page_part parts[] = {
      {"short", "In short", true},
      {"jobs", "The jobs", true},
      {"curves", "Curves", ag_figures_count(&all->out.figures, AG_FIGURE_LINEAR) > 0},
      {"tables", "Tables", true}};
  ag_page_contents(&all->out, parts, sizeof parts / sizeof *parts);
}

/* ---- in short -------------------------------------------------------------------------------- */

static void put_tiles(ag_comparison *all)
{
  ag_page *out = &all->out;
  const ag_differences *differences = &all->differences;
  const size_t same = ag_differences_count(differences, 0);
  size_t attacks = 0;
  char value[64];
  char more[160];
  for (size_t a = 0; a < all->attack_count; ++a)
    attacks += all->attacks[a].shared;
  ag_sheet_put(&out->sheet, "<div class=\"tiles\">\n");
  snprintf(value, sizeof value, "%zu", all->count);
  ag_page_tile(out, "Folders", value, "each against the first that has the same points");
  snprintf(value, sizeof value, "%zu &times; %zu", attacks, all->epsilon_count);
  snprintf(more, sizeof more, "attack%s &times; epsilon%s that two have",
           ag_plural(attacks, "", "s"), ag_plural(all->epsilon_count, "", "s"));
  ag_page_tile(out, "Shared", value, more);
  snprintf(value, sizeof value, "%zu of %zu", differences->tests - same, differences->tests);
  snprintf(more, sizeof more, "by tests on the same images");
  ag_page_tile(out, "Told apart", value, more);
  ag_sheet_put(&out->sheet, "</div>\n");
}

/* Counts of one folder against another, by sign: worse, not told apart, better. */
static size_t count_between(const ag_comparison *all, const ag_page *one, const ag_page *other,
                            size_t counts[3])
{
  size_t tests = 0;
  memset(counts, 0, 3 * sizeof *counts);
  for (size_t i = 0; i < all->differences.count; ++i) {
    const ag_difference *difference = &all->differences.list[i];
    if (difference->images == 0 || difference->pages[0] != one || difference->pages[1] != other)
      continue;
    ++counts[ag_difference_sign(difference) + 1];
    ++tests;
  }
  return tests;
}

static void put_verdict(ag_comparison *all, const ag_page *one, const ag_page *other)
{
  ag_sheet *sheet = &all->out.sheet;
  size_t counts[3];
  const size_t tests = count_between(all, one, other, counts);
  if (tests == 0) return;
  ag_sheet_put(sheet, "<li>");
  ag_comparison_name(all, other);
  ag_sheet_put(sheet, " against ");
  ag_comparison_name(all, one);
  ag_sheet_put(sheet,
               ": more accurate under attack in <b>%zu</b>, less in <b>%zu</b>, not told apart in"
               " <b>%zu</b> of %zu test%s.</li>\n",
               counts[2], counts[0], counts[1], tests, ag_plural(tests, "", "s"));
}

static void put_verdicts(ag_comparison *all)
{
  if (all->differences.tests == 0) return;
  ag_sheet_put(&all->out.sheet, "<ul>\n");
  for (size_t i = 1; i < all->count; ++i) {
    for (size_t k = 0; k < i; ++k)
      put_verdict(all, &all->sides[k], &all->sides[i]);
  }
  ag_sheet_put(&all->out.sheet, "</ul>\n");
}

/* ---- what cannot be compared -------------------------------------------------------------------
 */

static void notice_open(ag_comparison *all, const ag_page *side)
{
  ag_sheet_put(&all->out.sheet, "<p class=\"notice\">");
  ag_comparison_name(all, side);
}

/* Against the first folder. */
static void notice_images(ag_comparison *all, const ag_page *side)
{
  ag_sheet *sheet = &all->out.sheet;
  const ag_page *first = &all->sides[0];
  const char *digest = ag_results_attribute(&side->results, "dataset_sha256");
  const char *other = ag_results_attribute(&first->results, "dataset_sha256");
  if (!ag_comparison_same_images(first, side)) {
    notice_open(all, side);
    ag_sheet_put(sheet, digest[0] == '\0' || other[0] == '\0'
                            ? " may have been trained or tested on other images than "
                            : " was trained or tested on other images than ");
    ag_comparison_name(all, first);
    ag_sheet_put(sheet, ", by the SHA-256 of %s: no tests in pairs between them.</p>\n",
                 digest[0] == '\0' || other[0] == '\0' ? "the datasets, which not both files have"
                                                       : "their datasets");
  } else if (!ag_comparison_same_seeds(first, side)) {
    notice_open(all, side);
    ag_sheet_put(sheet, " has no seed in common with ");
    ag_comparison_name(all, first);
    ag_sheet_put(sheet, ": no tests in pairs between them.</p>\n");
  }
}

static void notice_job(ag_comparison *all, const ag_page *side)
{
  if (side->job != NULL) return;
  notice_open(all, side);
  ag_sheet_put(&all->out.sheet,
               " has a job that this version cannot read: its settings are not compared, and its"
               " attacks are taken for those of the same name.</p>\n");
}

static void notice_shared(ag_comparison *all, size_t folder)
{
  for (size_t a = 0; a < all->attack_count; ++a) {
    const ag_shared_attack *attack = &all->attacks[a];
    if (attack->shared && attack->attacks[folder] != AG_NO_SIDE) return;
  }
  notice_open(all, &all->sides[folder]);
  ag_sheet_put(&all->out.sheet, " shares no attack at an epsilon with another folder.</p>\n");
}

/* Two attacks of one name that are not the same. */
static ag_status notice_attacks(ag_comparison *all, const ag_shared_attack *one,
                                const ag_shared_attack *other)
{
  ag_sheet *sheet = &all->out.sheet;
  ag_text text = {0};
  const ag_status status = ag_comparison_difference(all, one, other, &text);
  if (status == AG_OK && text.length > 0) {
    ag_sheet_put(sheet, "<p class=\"notice\">One name, two attacks, which are not compared: ");
    ag_sheet_html(sheet, text.bytes);
    ag_sheet_put(sheet, ".</p>\n");
  }
  ag_text_clear(&text);
  return status;
}

static void put_notices(ag_comparison *all)
{
  ag_sheet *sheet = &all->out.sheet;
  if (all->differences.tests == 0) {
    ag_sheet_put(sheet, "<p class=\"notice\">No two points are done, of the same images and seed,"
                        " and with their images in the files: there is no test in pairs.</p>\n");
  }
  for (size_t i = 0; i < all->count; ++i) {
    notice_job(all, &all->sides[i]);
    notice_shared(all, i);
    if (i > 0) notice_images(all, &all->sides[i]);
  }
  for (size_t i = 0; i < all->attack_count; ++i) {
    for (size_t k = i + 1; k < all->attack_count; ++k) {
      const ag_status status = notice_attacks(all, &all->attacks[i], &all->attacks[k]);
      if (sheet->status == AG_OK) sheet->status = status;
    }
  }
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void put_accuracy_row(ag_comparison *all, const ag_shared_attack *attack, const ag_arm *arm)
{
  ag_page *out = &all->out;
  const ag_page *side = &all->sides[arm->folder];
  const size_t place = attack->attacks[arm->folder];
  ag_sheet_put(&out->sheet, "<tr><th scope=\"row\">");
  ag_page_defense_name(out, side, arm->defense);
  ag_sheet_put(&out->sheet, "</th><td>");
  ag_page_attack_name_of(out, side, place);
  ag_sheet_put(&out->sheet, "</td>");
  ag_page_fixed(out, 2, ag_page_clean_accuracy(side, arm->defense, place));
  for (size_t e = 0; e < all->epsilon_count; ++e) {
    const size_t epsilon = ag_comparison_epsilon(&side->results, all->epsilons[e]);
    if (epsilon == AG_NO_SIDE) {
      ag_page_no_cell(out, false);
    } else {
      const ag_cell cell = ag_page_cell(side, arm->defense, place, epsilon);
      ag_page_accuracy(out, &cell);
    }
  }
  ag_sheet_put(&out->sheet, "</tr>\n");
}

static void put_accuracies(ag_comparison *all)
{
  ag_page *out = &all->out;
  ag_page_table_open(out, "Accuracy of all images", "accuracies");
  ag_page_accuracy_head(out, all->epsilons, all->epsilon_count);
  for (size_t a = 0; a < all->attack_count; ++a) {
    const ag_shared_attack *attack = &all->attacks[a];
    for (size_t i = 0; i < all->arm_count && attack->shared; ++i) {
      if (attack->attacks[all->arms[i].folder] != AG_NO_SIDE)
        put_accuracy_row(all, attack, &all->arms[i]);
    }
  }
  ag_sheet_put(&out->sheet, "</tbody>");
  ag_page_table_close(out);
  ag_sheet_put(
      &out->sheet,
      "<p class=\"note\">Below each accuracy stands its 95 %% Wilson interval; over several"
      " seeds the mean, from the lowest end of theirs to the highest. A dash is what a job"
      " does not have or has not yet done. Where an attack certifies a radius in the place"
      " of an epsilon, accuracy is certified accuracy.</p>\n");
}

static void put_tables(ag_comparison *all)
{
  ag_sheet *sheet = &all->out.sheet;
  ag_sheet_put(sheet, "<section id=\"tables\"><h2>Tables</h2>\n");
  ag_page_differences(&all->out, &all->differences, SIZE_MAX);
  put_accuracies(all);
  ag_sheet_put(sheet, "</section>\n");
}

void ag_comparison_sections(ag_comparison *all)
{
  bool several_seeds = false;
  for (size_t i = 0; i < all->count; ++i)
    several_seeds = several_seeds || all->sides[i].results.seed_count > 1;
  put_title(all);
  put_contents(all);
  put_tiles(all);
  ag_sheet_put(&all->out.sheet, "<section id=\"short\"><h2>In short</h2>\n");
  put_verdicts(all);
  put_notices(all);
  ag_sheet_put(&all->out.sheet, "</section>\n");
  ag_comparison_jobs(all);
  ag_page_curves(&all->out, several_seeds);
  put_tables(all);
}
