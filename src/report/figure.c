/* A figure's files, gnuplot, and the way of an SVG into the page: as a picture, in which nothing
 * runs, with a style of its own for dark screens. */
#include "report/figure.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DRAW_SECONDS = 300, LABELS_ACROSS = 58 };

/* ---- looks --------------------------------------------------------------------------------------
 */

const char *ag_figure_color(size_t index)
{
  static const char *const colors[] = {"#000000", "#0072B2", "#D55E00", "#009E73",
                                       "#CC79A7", "#E69F00", "#56B4E9", "#A09000"};
  return colors[index % (sizeof colors / sizeof *colors)];
}

unsigned ag_figure_point(size_t index)
{
  static const unsigned points[] = {7, 5, 9, 11, 13, 4, 6, 8, 10, 12, 3};
  return points[index % (sizeof points / sizeof *points)];
}

size_t ag_figure_curves(size_t count)
{
  return count == 0 ? 1 : ag_divide_up(count, ag_divide_up(count, AG_CURVES_MAXIMUM));
}

/* Entries of a legend side by side. */
static size_t columns_of(size_t labels, size_t longest)
{
  const size_t fitting = LABELS_ACROSS / (ag_minimum(longest, AG_FIGURE_LABEL) + 7);
  return ag_minimum(labels, fitting == 0 ? 1 : fitting);
}

void ag_figure_start(ag_figure *figure, ag_figure_group group, size_t labels, size_t longest,
                     const char *format, ...)
{
  enum { WIDTH = 540, PLOT_HEIGHT = 365, LABEL_HEIGHT = 20 };
  const size_t columns = labels == 0 ? 1 : columns_of(labels, longest);
  const size_t rows = ag_divide_up(labels, columns);
  *figure =
      (ag_figure){.group = group, .width = WIDTH, .height = PLOT_HEIGHT + rows * LABEL_HEIGHT};
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(figure->name, sizeof figure->name, format, arguments);
  va_end(arguments);
  ag_sheet_put(
      &figure->script,
      "# Written by advgrid report, which writes it again. To restyle the figure copy this\n"
      "# file under another name, change the name below, and run gnuplot on the copy here.\n"
      "name = '%s'\nreset\nset encoding utf8\nset datafile separator whitespace\n"
      "set border 3 linecolor rgb '#595959'\nset tics nomirror out scale 0.6\n"
      "set grid ytics linetype 1 linewidth 0.7 linecolor rgb '#dddddd'\n"
      "set title offset 0,-0.5\nset tmargin 2.2\n",
      figure->name);
  if (labels == 0) {
    ag_sheet_put(&figure->script, "unset key\n");
  } else {
    ag_sheet_put(&figure->script,
                 "set key at screen 0.5,0.015 center bottom horizontal maxcols %zu samplen 2.2"
                 " reverse Left noopaque\nset bmargin %.1f\n",
                 columns, 4.0 + 1.1 * (double)rows);
  }
}

/* ---- files --------------------------------------------------------------------------------------
 */

static ag_status path_of(char path[AG_PATH_SIZE], const char *folder, const char *name,
                         const char *type)
{
  return ag_path_join(path, AG_PATH_SIZE, "%s/figures/%s.%s", folder, name, type);
}

static ag_status add_entry(ag_figures *figures, ag_figure *figure)
{
  ag_status status = AG_OK;
  if (figures->count == figures->capacity) {
    ag_figure_entry *grown = NULL;
    const size_t capacity = 2 * figures->capacity + 16;
    AG_TRY(ag_allocate(capacity, sizeof *grown, &grown));
    if (figures->count > 0) memcpy(grown, figures->entries, figures->count * sizeof *grown);
    ag_release(&figures->entries);
    figures->entries = grown;
    figures->capacity = capacity;
  }
  ag_figure_entry *entry = &figures->entries[figures->count++];
  *entry = (ag_figure_entry){
      .group = figure->group, .begins_row = figure->begins_row, .words = figure->words.text};
  memcpy(entry->name, figure->name, sizeof entry->name);
  figure->words.text = (ag_text){0}; /* taken */
cleanup:
  return status;
}

/* The script with its plot at its end, drawn twice; a gnuplot without cairo draws SVG alone. */
static void complete_script(const ag_figure *figure, ag_sheet *whole)
{
  const char *plot = figure->script.text.bytes;
  const char *head_end = strstr(plot, "\nplot ");
  const int head = head_end == NULL ? 0 : (int)(head_end - plot) + 1;
  ag_sheet_put(whole, "%.*s", head, plot);
  ag_sheet_put(whole,
               "set terminal svg size %zu,%zu dynamic rounded noenhanced background rgb 'white'"
               " font 'sans-serif,14'\nset output name . '.svg'\n%s",
               figure->width, figure->height, plot + head);
  ag_sheet_put(whole,
               "if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) {\n"
               "  set terminal pngcairo size %zu,%zu rounded noenhanced font 'sans-serif,11'"
               " fontscale 3 linewidth 3 pointscale 3\n  set output name . '.png'\n  replot\n}\n"
               "set output\n",
               3 * figure->width, 3 * figure->height);
}

ag_status ag_figure_finish(ag_figures *figures, ag_figure *figure, const char *folder)
{
  static const char *const pictures[] = {"svg", "png"};
  char path[AG_PATH_SIZE];
  ag_sheet whole = {0};
  ag_status status = figure->script.status;
  if (status == AG_OK) status = figure->words.status;
  AG_TRY(status);
  AG_TRY(path_of(path, folder, figure->name, "dat"));
  AG_TRY(ag_sheet_write(&figure->data, path));
  complete_script(figure, &whole);
  AG_TRY(path_of(path, folder, figure->name, "gp"));
  AG_TRY(ag_sheet_write(&whole, path));
  for (size_t i = 0; i < sizeof pictures / sizeof *pictures; ++i) {
    AG_TRY(path_of(path, folder, figure->name, pictures[i]));
    (void)unlink(path); /* one of other data must not be taken for this one */
  }
  AG_TRY(add_entry(figures, figure));
cleanup:
  ag_sheet_clear(&whole);
  ag_sheet_clear(&figure->data);
  ag_sheet_clear(&figure->script);
  ag_sheet_clear(&figure->words);
  return status;
}

void ag_figures_clear(ag_figures *figures)
{
  for (size_t i = 0; i < figures->count; ++i)
    ag_text_clear(&figures->entries[i].words);
  ag_release(&figures->entries);
  *figures = (ag_figures){0};
}

size_t ag_figures_count(const ag_figures *figures, ag_figure_group group)
{
  size_t count = 0;
  for (size_t i = 0; i < figures->count; ++i)
    count += figures->entries[i].group == group;
  return count;
}

/* ---- what an earlier report drew
 * ------------------------------------------------------------------ */

static bool is_entry(const ag_figures *figures, const char *name, size_t length)
{
  for (size_t i = 0; i < figures->count; ++i) {
    const char *one = figures->entries[i].name;
    if (strlen(one) == length && memcmp(one, name, length) == 0) return true;
  }
  return false;
}

/* Whether it can be a name of ours: whatever the list says, no file elsewhere is removed. */
static bool is_plain(const char *name, size_t length)
{
  return length > 0 && length < AG_FIGURE_NAME &&
         strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static ag_status remove_figure(const char *folder, const char *name, size_t length)
{
  static const char *const types[] = {"dat", "gp", "svg", "png"};
  char path[AG_PATH_SIZE];
  char plain[AG_FIGURE_NAME];
  snprintf(plain, sizeof plain, "%.*s", (int)length, name);
  for (size_t i = 0; i < sizeof types / sizeof *types; ++i) {
    const ag_status status = path_of(path, folder, plain, types[i]);
    if (status != AG_OK) return status;
    (void)unlink(path);
  }
  return AG_OK;
}

/* figures/list.txt has the name of each that was drawn: a person's copies are not in it, and stay.
 */
static ag_status renew_list(const ag_figures *figures, const char *folder)
{
  ag_status status = AG_OK;
  char path[AG_PATH_SIZE];
  char *old = NULL;
  size_t size = 0;
  ag_sheet list = {0};
  AG_TRY(path_of(path, folder, "list", "txt"));
  if (ag_file_exists(path)) AG_TRY(ag_file_read(path, &old, &size));
  for (size_t start = 0; start < size;) {
    const char *end = memchr(old + start, '\n', size - start);
    const size_t length = end == NULL ? size - start : (size_t)(end - old) - start;
    if (is_plain(old + start, length) && !is_entry(figures, old + start, length))
      AG_TRY(remove_figure(folder, old + start, length));
    start += length + 1;
  }
  for (size_t i = 0; i < figures->count; ++i)
    ag_sheet_put(&list, "%s\n", figures->entries[i].name);
  AG_TRY(ag_sheet_write(&list, path));
cleanup:
  ag_sheet_clear(&list);
  ag_release(&old);
  return status;
}

/* ---- drawing
 * -------------------------------------------------------------------------------------- */

static ag_status run_gnuplot(ag_figures *figures, const char *folder, const char **arguments)
{
  ag_program program = {0};
  const ag_status status = ag_program_run_in(folder, arguments, DRAW_SECONDS, &program);
  if (status == AG_OK && program.code != 0) {
    snprintf(figures->trouble, sizeof figures->trouble, "gnuplot ended with %d: %.400s",
             program.code, program.errors.bytes);
  } else if (status == AG_IO_ERROR) {
    snprintf(figures->trouble, sizeof figures->trouble, "%.400s (Debian package gnuplot-nox)",
             ag_message());
  }
  figures->drawn = status == AG_OK && program.code == 0;
  ag_program_clear(&program);
  return status == AG_IO_ERROR ? AG_OK : status;
}

/* Its own settings alone (-d), and the scripts in one process: it starts slowly. */
ag_status ag_figures_draw(ag_figures *figures, const char *folder)
{
  enum { FIRST = 2, SCRIPT = AG_FIGURE_NAME + 4 };
  ag_status status = AG_OK;
  char place[AG_PATH_SIZE];
  char(*scripts)[SCRIPT] = NULL;
  const char **arguments = NULL;
  AG_TRY(renew_list(figures, folder));
  if (figures->count == 0) return AG_OK;
  AG_TRY(ag_path_join(place, sizeof place, "%s/figures", folder));
  AG_TRY(ag_allocate(figures->count, sizeof *scripts, &scripts));
  AG_TRY(ag_allocate(figures->count + FIRST + 1, sizeof *arguments, &arguments));
  arguments[0] = "gnuplot";
  arguments[1] = "-d";
  for (size_t i = 0; i < figures->count; ++i) {
    snprintf(scripts[i], SCRIPT, "%s.gp", figures->entries[i].name);
    arguments[FIRST + i] = scripts[i];
  }
  AG_TRY(run_gnuplot(figures, place, arguments));
cleanup:
  ag_release(&arguments);
  ag_release(&scripts);
  return status;
}

/* ---- on the page
 * ------------------------------------------------------------------------------------ */

/* The page is the background. On a dark one what gnuplot draws in black becomes light, and the grid
 * fades. */
static const char style[] =
    "<style>rect[fill=\"#ffffff\"]{fill:none}@media(prefers-color-scheme:dark){g[color="
    "\"black\"]{color:#e4e7ea}"
    "[fill=\"black\"]{fill:#e4e7ea}[stroke=\"black\"]{stroke:#e4e7ea}"
    "[fill=\"rgb(  0,   0,   0)\"]{fill:#e4e7ea}[stroke=\"rgb(  0,   0,   0)\"]{stroke:#e4e7ea}"
    "[color=\"rgb(  0,   0,   0)\"]{color:#e4e7ea}"
    "[stroke=\"rgb( 89,  89,  89)\"]{stroke:#a4adb6}[fill=\"rgb(89,89,89)\"]{fill:#a4adb6}"
    "[stroke=\"rgb(221, 221, 221)\"]{stroke:#3a4148}"
    "[stroke=\"rgb(  0, 114, 178)\"]{stroke:#3d9ad1}[fill=\"rgb(  0, 114, 178)\"]{fill:#3d9ad1}"
    "[color=\"rgb(  0, 114, 178)\"]{color:#3d9ad1}}</style>";

static void put_svg(ag_sheet *sheet, const char *svg, size_t size)
{
  ag_sheet styled = {0};
  const char *start = strstr(svg, "<svg");
  const char *end = start == NULL ? NULL : strchr(start, '>');
  const size_t head = end == NULL ? 0 : (size_t)(end - svg) + 1;
  ag_sheet_put(&styled, "%.*s%s%.*s", (int)head, svg, head > 0 ? style : "", (int)(size - head),
               svg + head);
  if (sheet->status == AG_OK) sheet->status = styled.status;
  if (sheet->status == AG_OK) ag_sheet_base64(sheet, styled.text.bytes, styled.text.length);
  ag_sheet_clear(&styled);
}

static ag_status show(const ag_figure_entry *entry, const char *folder, ag_sheet *sheet)
{
  char path[AG_PATH_SIZE];
  char *svg = NULL;
  size_t size = 0;
  ag_status status = path_of(path, folder, entry->name, "svg");
  if (status == AG_OK && !ag_file_exists(path)) return AG_OK; /* and the page says why */
  if (status == AG_OK) status = ag_file_read(path, &svg, &size);
  if (status == AG_OK) {
    ag_sheet_put(sheet, "<figure%s><img alt=\"", entry->begins_row ? " class=\"row\"" : "");
    ag_sheet_html(sheet, entry->words.bytes);
    ag_sheet_put(sheet, "\" src=\"data:image/svg+xml;base64,");
    put_svg(sheet, svg, size);
    ag_sheet_put(sheet, "\"></figure>\n");
  }
  ag_release(&svg);
  return status;
}

ag_status ag_figures_show(const ag_figures *figures, ag_figure_group group, const char *folder,
                          ag_sheet *sheet)
{
  ag_status status = AG_OK;
  if (ag_figures_count(figures, group) == 0) return AG_OK;
  if (!figures->drawn) {
    ag_sheet_put(sheet, "<p class=\"notice\">Figures were not drawn: ");
    ag_sheet_html(sheet, figures->trouble);
    ag_sheet_put(sheet, "</p>\n");
  }
  ag_sheet_put(sheet, "<div class=\"panels\">\n");
  for (size_t i = 0; i < figures->count; ++i) {
    if (figures->entries[i].group == group) AG_TRY(show(&figures->entries[i], folder, sheet));
  }
  ag_sheet_put(sheet, "</div>\n");
cleanup:
  return status;
}
