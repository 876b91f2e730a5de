/* store/unit_record.h: the details in a unit's record, for the ledger. */
#ifndef ADVGRID_STORE_UNIT_RECORD_H
#define ADVGRID_STORE_UNIT_RECORD_H

#include "advgrid/store.h"

/** Reads what stands behind the outcomes of a unit's record. state: has_details and details are
 *  overwritten. *enough: whether all is there that the plan wants of the unit, or it is a record
 *  from before there were details and the job asks for none itself; where it is not, nothing is
 *  left to free. Fails with AG_BAD_STORE where the bytes are no details. */
ag_status ag_unit_details_read(const ag_plan *plan, size_t unit, const void *bytes, size_t size,
                               ag_unit_state *state, bool *enough);

#endif
