/* No defense: the network as it was trained. */
#include "defense/defense.h"

static const ag_option options[] = {AG_DEFENSE_FILE_OPTION, {0}};

const ag_defense ag_defense_none = {
    .kind = {.name = "none", .help = "the network alone", .options = options},
};
