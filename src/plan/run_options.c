/* What a job may say about how its ranks share the work. */
#include "advgrid/plan.h"

static const char *const automatic[] = {"auto", NULL};

const ag_option ag_run_options[] = {
    {.name = "ranks_per_model",
     .type = AG_OPTION_COUNT,
     .initial = "auto",
     .minimum = 1,
     .maximum = 100000,
     .words = automatic,
     .help = "ranks that train a model together; auto: by the models' costs"},
    {.name = "checkpoint_minutes",
     .type = AG_OPTION_NUMBER,
     .initial = "5",
     .minimum = 0,
     .maximum = 10080,
     .help = "longest time between two checkpoints of a training"},
    {.name = "stall_seconds",
     .type = AG_OPTION_NUMBER,
     .initial = "600",
     .minimum = 1,
     .maximum = 1e6,
     .help = "a rank that shows no progress for so long is reported"},
    {0},
};
