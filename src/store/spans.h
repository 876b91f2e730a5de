/* store/spans.h: when ranks worked, for the ledger. */
#ifndef ADVGRID_STORE_SPANS_H
#define ADVGRID_STORE_SPANS_H

#include "advgrid/store.h"

/** Appends a span; fails with AG_OUT_OF_MEMORY, and leaves the ledger as it was. */
ag_status ag_spans_append(ag_ledger *ledger, const ag_work_span *span);

#endif
