/* What libcyaml has to say of a file, kept for a message of ours. */
#ifndef ADVGRID_PLAN_COMPLAINT_H
#define ADVGRID_PLAN_COMPLAINT_H

#include <cyaml/cyaml.h>

/* The first line that libcyaml says, and the line of the file that it names: 0 where it names
 * none. */
typedef struct ag_complaint {
  char text[256];
  size_t line;
} ag_complaint;

/** A configuration that keeps what is said. heard: zeroed before, borrowed. */
cyaml_config_t ag_complaint_listen(ag_complaint *heard);

#endif
