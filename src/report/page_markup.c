/* What tables of a page are made of. A reader may sort and copy them: page.js adds the buttons. */
#include "report/page.h"

#include <math.h>
#include <string.h>

/* ---- cells -------------------------------------------------------------------------------------
 */

void ag_page_table_open(ag_page *page, const char *title, const char *name)
{
  ag_sheet_put(&page->sheet,
               "<div class=\"table\" data-name=\"%s\"><h3>%s</h3>\n<div class=\"scroll\""
               " tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table>\n",
               name, title, title);
}

void ag_page_table_close(ag_page *page)
{
  ag_sheet_put(&page->sheet, "</table></div></div>\n");
}

void ag_page_heading(ag_page *page, const char *text, const char *copied, bool number)
{
  ag_sheet_put(&page->sheet, "<th scope=\"col\"%s", number ? " class=\"number\"" : "");
  if (copied != NULL) ag_sheet_put(&page->sheet, " data-name=\"%s\"", copied);
  ag_sheet_put(&page->sheet, ">%s</th>\n", text);
}

void ag_page_no_cell(ag_page *page, bool failed)
{
  ag_sheet_put(&page->sheet, "<td class=\"number %s\" data-value=\"%s\">%s</td>\n",
               failed ? "failed" : "missing", failed ? "failed" : "",
               failed ? "failed" : "&ndash;");
}

static bool put_no_number(ag_page *page, double value)
{
  if (isfinite(value)) return false;
  ag_sheet_put(&page->sheet, "<td class=\"number missing\" data-value=\"%s\">%s</td>",
               isinf(value) ? "inf" : "", isinf(value) ? "&infin;" : "&ndash;");
  return true;
}

void ag_page_fixed(ag_page *page, int decimals, double value)
{
  if (put_no_number(page, value)) return;
  ag_sheet_put(&page->sheet, "<td class=\"number\" data-value=\"%.*f\">%.*f</td>", decimals, value,
               decimals, value);
}

void ag_page_short(ag_page *page, int digits, double value)
{
  if (put_no_number(page, value)) return;
  ag_sheet_put(&page->sheet, "<td class=\"number\" data-value=\"%.*g\">%.*g</td>", digits, value,
               digits, value);
}

/* ---- names -------------------------------------------------------------------------------------
 */

void ag_page_attack_name(ag_page *page, size_t attack)
{
  ag_page_attack_name_of(page, page, attack);
}

void ag_page_defense_name(ag_page *page, const ag_page *from, size_t defense)
{
  if (from->number > 0) {
    ag_sheet_put(&page->sheet, "%zu ", from->number);
    ag_sheet_name(&page->sheet, ag_page_job_name(from));
    ag_sheet_put(&page->sheet, ": ");
  }
  ag_sheet_name(&page->sheet, from->results.defenses[defense]);
}

void ag_page_attack_name_of(ag_page *page, const ag_page *from, size_t attack)
{
  const char *norm = ag_page_norm(from, attack);
  bool several = false;
  for (size_t a = 0; a < from->results.attack_count; ++a)
    several = several || strcmp(ag_page_norm(from, a), norm) != 0;
  ag_sheet_name(&page->sheet, from->results.attacks[attack]);
  if (several && norm[0] != '\0') ag_sheet_put(&page->sheet, " <small>in %s</small>", norm);
}

void ag_page_note_certified(ag_page *page)
{
  ag_sheet *sheet = &page->sheet;
  size_t named = 0;
  for (size_t a = 0; a < page->results.attack_count; ++a) {
    if (!ag_page_certifies(page, a)) continue;
    ag_sheet_put(sheet, named++ > 0 ? ", "
                                    : " Certified accuracy, of images that are right and"
                                      " provably stay so within the radius: ");
    ag_sheet_name(sheet, page->results.attacks[a]);
  }
  if (named > 0) {
    ag_sheet_put(sheet, ". What is right without an attack is counted there by the draws that"
                        " choose the class, and so is another number than under attacks.");
  }
}
