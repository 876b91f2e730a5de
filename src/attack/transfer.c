/* Transfer (Papernot et al. 2016, arXiv:1605.07277; Athalye et al. 2018, arXiv:1802.00420, section
 * 3.1): PGD on the model of another defense of the job, the source. Who is judged is asked for
 * nothing but the verdict. What lies just beyond the source's border seldom lies beyond another's,
 * so that images that have fallen there are moved on, and the iterate with the source's lowest
 * margin is kept. */
#include "attack/attack.h"
#include "attack/pgd.h"

static const ag_option options[] = {
    {.name = "from",
     .type = AG_OPTION_TEXT,
     .initial = "none",
     .help = "the defense of the job on whose model the images are made"},
    AG_PGD_OPTIONS,
    {0},
};

static const char *source(const ag_settings *settings)
{
  return ag_settings_word(settings, "from");
}

static void run(ag_attack_call *call)
{
  ag_pgd_run(call, true);
}

const ag_attack ag_attack_transfer = {
    .kind = {.name = "transfer",
             .help = "the images that PGD makes on the model of another defense",
             .options = options},
    .norm = ag_pgd_norm,
    .source = source,
    .scratch_floats = ag_pgd_scratch_floats,
    .cost = ag_pgd_cost,
    .run = run,
};
