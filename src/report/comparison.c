/* From result folders to comparison.html. All of them are read and matched before anything is
 * written. */
#include "report/comparison.h"

#include "advgrid/report.h"
#include "store/folder.h"

#include <string.h>

static const char page_name[] = "comparison.html";
/* What shows that a folder is of such a page: the second alone where it was not finished. */
static const char *const own[] = {page_name, "figures/list.txt"};

/* ---- reading ----------------------------------------------------------------------------------
 */

static ag_status read_sides(ag_comparison *all, const char *const *folders, size_t count)
{
  ag_status status = AG_OK;
  AG_TRY(ag_allocate(count, sizeof *all->sides, &all->sides));
  for (size_t i = 0; i < count; ++i) {
    all->sides[i] =
        (ag_page){.folder = folders[i], .number = i + 1, .results = {.file = H5I_INVALID_HID}};
    ++all->count;
    AG_TRY(ag_page_read(&all->sides[i]));
  }
cleanup:
  return status;
}

static void clear(ag_comparison *all)
{
  for (size_t i = 0; i < all->count; ++i) {
    ag_job_destroy(&all->sides[i].job);
    ag_results_clear(&all->sides[i].results);
  }
  for (size_t i = 0; i < all->attack_count; ++i)
    ag_release(&all->attacks[i].attacks);
  ag_differences_clear(&all->differences);
  ag_contrast_clear(&all->contrast);
  ag_release(&all->epsilons);
  ag_release(&all->arms);
  ag_release(&all->attacks);
  ag_release(&all->sides);
  ag_figures_clear(&all->out.figures);
  ag_sheet_clear(&all->out.sheet);
}

/* ---- drawing and writing ----------------------------------------------------------------------
 */

/* number: of the panel, from 1. */
static ag_status draw_attack(ag_comparison *all, const ag_shared_attack *attack, size_t number)
{
  enum { LABEL = 48 };
  ag_status status = AG_OK;
  ag_curve *curves = NULL;
  size_t count = 0;
  AG_TRY(ag_allocate(all->arm_count, sizeof *curves, &curves));
  for (size_t i = 0; i < all->arm_count; ++i) {
    const ag_arm *arm = &all->arms[i];
    const size_t place = attack->attacks[arm->folder];
    if (place == AG_NO_SIDE) continue;
    curves[count++] = (ag_curve){&all->sides[arm->folder], arm->defense, place, arm->label, LABEL};
  }
  AG_TRY(ag_page_draw_panel(&all->out, number, curves, count));
cleanup:
  ag_release(&curves);
  return status;
}

static ag_status draw(ag_comparison *all)
{
  char path[AG_PATH_SIZE];
  ag_status status = AG_OK;
  size_t number = 0;
  AG_TRY(ag_path_join(path, sizeof path, "%s/figures", all->out.folder));
  AG_TRY(ag_folder_create(path));
  for (size_t a = 0; a < all->attack_count; ++a) {
    if (all->attacks[a].shared) AG_TRY(draw_attack(all, &all->attacks[a], ++number));
  }
  AG_TRY(ag_figures_draw(&all->out.figures, all->out.folder));
cleanup:
  return status;
}

static ag_status write_page(ag_comparison *all, const char *path)
{
  ag_text title = {0};
  ag_status status = AG_OK;
  AG_TRY(ag_text_append(&title, "%s", ag_page_job_name(&all->sides[0])));
  for (size_t i = 1; i < all->count; ++i)
    AG_TRY(ag_text_append(&title, ", %s", ag_page_job_name(&all->sides[i])));
  title.bytes[ag_utf8_clip(title.bytes, AG_VALUE_SIZE)] = '\0';
  ag_page_open(&all->out, title.bytes);
  ag_comparison_sections(all);
  ag_page_close(&all->out);
  AG_TRY(ag_sheet_write(&all->out.sheet, path));
cleanup:
  ag_text_clear(&title);
  return status;
}

ag_status ag_report_comparison(const char *const *folders, size_t count, const char *output,
                               ag_text *trouble)
{
  ag_status status = AG_OK;
  ag_hdf5_printing printing;
  char path[AG_PATH_SIZE];
  ag_comparison all = {.out = {.folder = output, .results = {.file = H5I_INVALID_HID}}};
  ag_hdf5_printing_stop(&printing);
  AG_TRY(ag_path_join(path, sizeof path, "%s/%s", output, page_name));
  AG_TRY(ag_folders_check_apart(folders, count));
  AG_TRY(ag_folder_check_outside(output, folders, count));
  AG_TRY(ag_folder_check_output(output, own, sizeof own / sizeof *own));
  AG_TRY(read_sides(&all, folders, count));
  AG_TRY(ag_comparison_match(&all));
  AG_TRY(ag_comparison_pair(&all));
  AG_TRY(draw(&all));
  AG_TRY(write_page(&all, path));
  if (all.out.figures.count > 0 && !all.out.figures.drawn)
    AG_TRY(ag_text_append(trouble, "%s has no figures: %s", path, all.out.figures.trouble));
cleanup:
  clear(&all);
  ag_hdf5_printing_resume(&printing);
  return status;
}
