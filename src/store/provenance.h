/* The journal's record of a run, read back. */
#ifndef ADVGRID_STORE_PROVENANCE_H
#define ADVGRID_STORE_PROVENANCE_H

#include "advgrid/store.h"

/** The provenance in a record of AG_RECORD_RUN, of this version or an earlier one, its texts ended
 *  whoever wrote them. Fails with AG_BAD_STORE where its size is of none. */
ag_status ag_provenance_read(const ag_record *record, ag_provenance *provenance);

#endif
