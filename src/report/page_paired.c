/* The defenses of one folder on the same images, each against that which defends nothing, or where
 * there is none against the first. */
#include "report/differences.h"

/* The others at one attack, epsilon and seed. */
static ag_status add_defenses(const ag_page *page, size_t reference, const size_t place[3],
                              ag_differences *all)
{
  const ag_results *results = &page->results;
  ag_status status = AG_OK;
  for (size_t d = 0; d < results->defense_count && status == AG_OK; ++d) {
    const ag_read_point *const points[2] = {
        ag_results_point(results, reference, place[0], place[1], place[2]),
        ag_results_point(results, d, place[0], place[1], place[2])};
    if (d != reference)
      status = ag_differences_add(all, (const ag_page *const[2]){page, page}, points);
  }
  return status;
}

static ag_status compare_defenses(const ag_page *page, ag_differences *all)
{
  const ag_results *results = &page->results;
  const size_t undefended = ag_page_undefended(page);
  const size_t reference = undefended == AG_NO_SIDE ? 0 : undefended;
  ag_status status = AG_OK;
  for (size_t a = 0; a < results->attack_count; ++a) {
    for (size_t e = 0; e < results->epsilon_count; ++e) {
      for (size_t s = 0; s < results->seed_count; ++s)
        AG_TRY(add_defenses(page, reference, (const size_t[3]){a, e, s}, all));
    }
  }
  AG_TRY(ag_differences_conclude(all));
cleanup:
  return status;
}

void ag_page_paired(ag_page *page)
{
  enum { ROWS_SHOWN = 60 };
  ag_differences all = {0};
  const ag_status status = compare_defenses(page, &all);
  if (page->sheet.status == AG_OK) page->sheet.status = status;
  ag_page_differences(page, &all, ROWS_SHOWN);
  ag_differences_clear(&all);
}
