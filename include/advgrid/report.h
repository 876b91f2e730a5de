/* advgrid/report.h: results for a person to read. Knows the store, and no run. */
#ifndef ADVGRID_REPORT_H
#define ADVGRID_REPORT_H

#include "advgrid/store.h"

/** Appends a table for each model: an attack a row, an epsilon a column, accuracies in percent
 *  over all evaluated images; what is missing is "-", what failed "failed". */
ag_status ag_report_table(const ag_ledger *ledger, ag_text *text);

/** Appends how far the folder's job is: models and units done, failed and left. */
ag_status ag_report_status(const ag_ledger *ledger, ag_text *text);

#endif
