/* /lipschitz of a result file: what the layers of a model can stretch, of defenses that are about
 * it. */
#include "store/results_file.h"

#include <string.h>

typedef struct bound_row {
  char layer[AG_NAME_SIZE];
  double bound;
} bound_row;

ag_status ag_results_bounds(hid_t file, const ag_model_unit *unit, const ag_model_state *model)
{
  static const ag_column columns[] = {{"layer", AG_COLUMN_NAME, offsetof(bound_row, layer)},
                                      {"bound", AG_COLUMN_NUMBER, offsetof(bound_row, bound)}};
  ag_status status = AG_OK;
  bound_row *rows = NULL;
  const size_t count = 1 + unit->layers.count;
  char name[sizeof unit->name + sizeof "lipschitz/"];
  if (model->bounds == NULL || model->progress != AG_PROGRESS_DONE) return AG_OK;
  AG_TRY(ag_path_join(name, sizeof name, "lipschitz/%s", unit->name));
  AG_TRY(ag_allocate(count, sizeof *rows, &rows));
  for (size_t i = 0; i < count; ++i) {
    const char *layer = i == 0 ? "network" : unit->layers.layers[i - 1].name;
    memcpy(rows[i].layer, layer, strnlen(layer, AG_NAME_SIZE));
    rows[i].bound = model->bounds[i];
  }
  AG_TRY(ag_results_table(file, name,
                          &(ag_rows){.columns = columns,
                                     .column_count = sizeof columns / sizeof *columns,
                                     .rows = rows,
                                     .row_size = sizeof *rows,
                                     .row_count = count}));
cleanup:
  ag_release(&rows);
  return status;
}
