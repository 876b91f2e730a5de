/* When each rank did what, a row a rank. Of thousands of pieces a figure shows no more than its own
 * resolution: each cell of a row has the colour of one kind of work, chosen so that the kinds have
 * about as many cells of a row as they have of its time. */
#include "report/page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
  CELLS = 480, /* as many as the figure has pixels across */
  CELLS_LEAST = 60,
  BARS_MAXIMUM = 10000, /* else cells become wider: a page is to stay small */
  ROWS_MAXIMUM = 64,    /* else a row is of several ranks */
  ATTACKS_MAXIMUM = 6,  /* with a colour of their own */
  RESTARTS_MAXIMUM = 40,
  KINDS = ATTACKS_MAXIMUM + 2, /* training first, other work last */
  IDLE = KINDS
};

typedef struct chart {
  const ag_results *results;
  size_t rank_count, per_row, row_count, cell_count;
  size_t *kinds;    /* [attacks] */
  double *begins;   /* [spans] since the first run began */
  double length;    /* of all runs, one behind the other */
  size_t run_count; /* that did something */
  double restarts[RESTARTS_MAXIMUM];
  double seconds[KINDS];
  double *shares;  /* [rows][cells][KINDS] of a cell's time */
  uint8_t *picked; /* [rows][cells] the kind, or IDLE */
} chart;

/* ---- what there is ------------------------------------------------------------------------- */

static size_t kind_of(const chart *self, const ag_read_span *span)
{
  if (span->trains) return 0;
  return span->attack == AG_NO_SIDE ? KINDS - 1 : self->kinds[span->attack];
}

/* Where there are more attacks than colours those that took most of the time have one. */
static ag_status choose_kinds(chart *self)
{
  ag_status status = AG_OK;
  const ag_results *results = self->results;
  double *seconds = NULL;
  AG_TRY(ag_allocate(results->attack_count, sizeof *self->kinds, &self->kinds));
  AG_TRY(ag_allocate(results->attack_count, sizeof *seconds, &seconds));
  for (size_t i = 0; i < results->span_count; ++i) {
    const ag_read_span *span = &results->spans[i];
    if (!span->trains && span->attack != AG_NO_SIDE) seconds[span->attack] += span->seconds;
  }
  size_t next = 1;
  for (size_t a = 0; a < results->attack_count; ++a) {
    size_t longer = 0;
    for (size_t b = 0; b < results->attack_count; ++b)
      longer += seconds[b] > seconds[a] || (seconds[b] == seconds[a] && b < a);
    self->kinds[a] = longer < ATTACKS_MAXIMUM ? next++ : KINDS - 1;
  }
  for (size_t i = 0; i < results->span_count; ++i)
    self->seconds[kind_of(self, &results->spans[i])] += results->spans[i].seconds;
cleanup:
  ag_release(&seconds);
  return status;
}

/* A run begins where the last span of the one before it ended. */
static ag_status line_up(chart *self)
{
  const ag_read_span *spans = self->results->spans;
  double begin = 0;
  const ag_status status =
      ag_allocate(self->results->span_count, sizeof *self->begins, &self->begins);
  if (status != AG_OK) return status;
  for (size_t i = 0; i < self->results->span_count; ++i) {
    if (i > 0 && spans[i].run != spans[i - 1].run) {
      begin = self->length;
      if (self->run_count < RESTARTS_MAXIMUM) self->restarts[self->run_count] = begin;
    }
    self->run_count += i == 0 || spans[i].run != spans[i - 1].run;
    self->begins[i] = begin + spans[i].start;
    self->length = fmax(self->length, self->begins[i] + spans[i].seconds);
    self->rank_count = ag_maximum(self->rank_count, (size_t)spans[i].rank + 1);
  }
  self->rank_count = ag_maximum(self->rank_count, self->results->rank_count);
  self->per_row = ag_divide_up(self->rank_count, ROWS_MAXIMUM);
  self->row_count = ag_divide_up(self->rank_count, self->per_row);
  return AG_OK;
}

/* ---- cells --------------------------------------------------------------------------------- */

static size_t ranks_of(const chart *self, size_t row)
{
  return ag_minimum(self->per_row, self->rank_count - row * self->per_row);
}

static void share_out(chart *self)
{
  const double cell = self->length / (double)self->cell_count;
  memset(self->shares, 0, self->row_count * self->cell_count * KINDS * sizeof *self->shares);
  for (size_t i = 0; i < self->results->span_count; ++i) {
    const ag_read_span *span = &self->results->spans[i];
    const size_t row = (size_t)span->rank / self->per_row;
    const double from = self->begins[i] / cell;
    const double to = from + span->seconds / cell;
    const size_t last = ag_minimum(self->cell_count, (size_t)ceil(to));
    double *shares = self->shares + row * self->cell_count * KINDS + kind_of(self, span);
    for (size_t c = (size_t)from; c < last; ++c) {
      const double here = fmin(to, (double)c + 1) - fmax(from, (double)c);
      shares[c * KINDS] += here / (double)ranks_of(self, row);
    }
  }
}

/* The kind of a cell: of those that have a share of it, idling too, the one that is owed most. What
 * a cell gives one of them, the others are owed in cells that follow. */
static size_t pick_cell(const double *share, double owed[KINDS + 1])
{
  static const double rounding = 1e-9;
  size_t best = IDLE;
  double idle = 1;
  double most = -HUGE_VAL;
  for (size_t kind = 0; kind < KINDS; ++kind) {
    owed[kind] += share[kind];
    idle -= share[kind];
    if (share[kind] > 0 && owed[kind] > most) {
      best = kind;
      most = owed[kind];
    }
  }
  owed[IDLE] += idle;
  if (idle > rounding && owed[IDLE] > most) best = IDLE;
  owed[best] -= 1;
  return best;
}

/* Returns how many bars the row has. */
static size_t pick_row(chart *self, size_t row)
{
  double owed[KINDS + 1] = {0};
  size_t bars = 0;
  const double *share = self->shares + row * self->cell_count * KINDS;
  uint8_t *picked = self->picked + row * self->cell_count;
  for (size_t c = 0; c < self->cell_count; ++c) {
    picked[c] = (uint8_t)pick_cell(share + c * KINDS, owed);
    bars += picked[c] != IDLE && (c == 0 || picked[c - 1] != picked[c]);
  }
  return bars;
}

static ag_status pick(chart *self)
{
  ag_status status = AG_OK;
  size_t bars = 0;
  AG_TRY(ag_allocate(self->row_count * CELLS, KINDS * sizeof *self->shares, &self->shares));
  AG_TRY(ag_allocate(self->row_count * CELLS, 1, &self->picked));
  self->cell_count = 2 * (size_t)CELLS;
  do {
    self->cell_count /= 2;
    share_out(self);
    bars = 0;
    for (size_t row = 0; row < self->row_count; ++row)
      bars += pick_row(self, row);
  } while (bars > BARS_MAXIMUM && self->cell_count > CELLS_LEAST);
cleanup:
  return status;
}

/* ---- the figure ---------------------------------------------------------------------------- */

static const char *color_of(size_t kind)
{
  return kind == KINDS - 1 ? "#8c8c8c" : ag_figure_color(kind + 1);
}

static const char *name_of(const chart *self, size_t kind)
{
  for (size_t a = 0; kind > 0 && a < self->results->attack_count; ++a) {
    if (kind < KINDS - 1 && self->kinds[a] == kind) return self->results->attacks[a];
  }
  return kind == 0 ? "training" : "other work";
}

/* Cells that touch and are of one kind are one bar. */
static void put_bars(const chart *self, size_t kind, double cell, ag_sheet *data)
{
  const double height = (double)self->per_row;
  const double gap = 0.1 * height;
  for (size_t row = 0; row < self->row_count; ++row) {
    const uint8_t *picked = self->picked + row * self->cell_count;
    const double top = (double)(row * self->per_row) - 0.5;
    for (size_t c = 0; c < self->cell_count; ++c) {
      const size_t first = c;
      if (picked[c] != kind) continue;
      while (c + 1 < self->cell_count && picked[c + 1] == kind)
        ++c;
      ag_sheet_put(data, "%.6g %.6g %g %g\n", (double)first * cell, (double)(c + 1) * cell,
                   top + gap, top + height - gap);
    }
  }
}

static void put_axes(const chart *self, const char *unit, double scale, ag_sheet *script)
{
  ag_sheet_put(script,
               "set title 'What the ranks did'\nset xrange [0:%.6g]\nset yrange [%zu.5:-0.5]\n"
               "set ytics 0,%zu\nunset grid\nset style fill solid 1 noborder\n",
               self->length / scale, self->rank_count - 1, ag_divide_up(self->rank_count, 12));
  if (self->per_row > 1) {
    ag_sheet_put(script, "set ylabel 'rank, %zu in a row'\n", self->per_row);
  } else {
    ag_sheet_put(script, "set ylabel 'rank'\n");
  }
  if (self->run_count > 1) {
    ag_sheet_put(script, "set xlabel '%s, %zu runs one behind the other' offset 0,0.3\n", unit,
                 self->run_count);
  } else {
    ag_sheet_put(script, "set xlabel '%s since the run began' offset 0,0.3\n", unit);
  }
  for (size_t i = 1; i < ag_minimum(self->run_count, RESTARTS_MAXIMUM); ++i) {
    ag_sheet_put(script,
                 "set arrow from first %.6g,graph 0 to first %.6g,graph 1 nohead front"
                 " dashtype 2 linewidth 1.5 linecolor rgb '#595959'\n",
                 self->restarts[i] / scale, self->restarts[i] / scale);
  }
}

/* Rows are of 24 pixels where there are few, and of 6 where there are most. */
static size_t height_of(const chart *self, const ag_figure *figure)
{
  enum { USUAL = 229, LEAST = 60, MOST = 384, ROW = 24 };
  const size_t plot = ag_minimum(MOST, ag_maximum(LEAST, ROW * self->row_count));
  return figure->height - USUAL + plot;
}

static ag_status draw(ag_page *page, const chart *self)
{
  ag_figure figure;
  const char *unit = NULL;
  const double scale = ag_page_time_unit(self->length, &unit);
  size_t labels = 0;
  size_t longest = 0;
  for (size_t kind = 0; kind < KINDS; ++kind) {
    if (!(self->seconds[kind] > 0)) continue;
    ++labels;
    longest = ag_maximum(longest, strlen(name_of(self, kind)));
  }
  ag_figure_start(&figure, AG_FIGURE_RANKS, labels, longest, "timeline");
  figure.height = height_of(self, &figure);
  put_axes(self, unit, scale, &figure.script);
  labels = 0;
  for (size_t kind = 0; kind < KINDS; ++kind) {
    if (!(self->seconds[kind] > 0)) continue;
    ag_sheet_put(&figure.data, "%s# %s: from, to, the upper and lower edge of its rank's row\n",
                 labels > 0 ? "\n\n" : "", unit);
    put_bars(self, kind, self->length / scale / (double)self->cell_count, &figure.data);
    ag_sheet_put(&figure.data, "-1 -1 0 0\n"); /* for a kind too short for a bar: it has a name */
    ag_sheet_put(&figure.script,
                 "%s'timeline.dat' index %zu using 1:3:1:2:3:4 with boxxyerror linecolor rgb '%s'"
                 " title ",
                 labels == 0 ? "plot " : ", \\\n  ", labels, color_of(kind));
    ag_sheet_gnuplot(&figure.script, name_of(self, kind), AG_FIGURE_LABEL);
    ++labels;
  }
  ag_sheet_put(&figure.script, "\n");
  ag_sheet_put(&figure.words, "What each rank did when: training, and each attack, in a colour of"
                              " its own; time without work is left empty.");
  return ag_figure_finish(&page->figures, &figure, page->folder);
}

ag_status ag_page_draw_timeline(ag_page *page)
{
  ag_status status = AG_OK;
  chart self = {.results = &page->results};
  if (page->results.span_count == 0) return AG_OK;
  AG_TRY(choose_kinds(&self));
  AG_TRY(line_up(&self));
  if (!(self.length > 0) || !isfinite(self.length)) goto cleanup;
  AG_TRY(pick(&self));
  AG_TRY(draw(page, &self));
cleanup:
  ag_release(&self.picked);
  ag_release(&self.shares);
  ag_release(&self.begins);
  ag_release(&self.kinds);
  return status;
}
