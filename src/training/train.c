/* A whole training in one call. */
#include "training/team.h"

#include <assert.h>

ag_status ag_train(const ag_training *training, uint64_t seed, const ag_dataset *dataset,
                   ag_pool *pool, const ag_team *team, const ag_training_events *events,
                   ag_network *network)
{
  ag_trainer *trainer = NULL;
  bool finished = false;
  ag_status status =
      ag_team_agree(team, ag_trainer_create(training, seed, dataset, pool, network, &trainer));
  assert(status != AG_OK || trainer != NULL);
  if (status == AG_OK) status = ag_trainer_join(trainer, team);
  while (status == AG_OK && !finished)
    status = ag_trainer_run(trainer, events, &finished);
  ag_trainer_destroy(&trainer);
  return status;
}
