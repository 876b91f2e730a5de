/* How robust a network is that is being trained: the evaluation of an attack on validation images.
 */
#include "advgrid/evaluation.h"

/* One thread's memory. */
typedef struct lane {
  ag_evaluator *evaluator;
  ag_outcome *outcomes; /* [shard] */
} lane;

struct ag_judges {
  ag_entry attack;
  double epsilon;
  size_t threads;
  lane *lanes; /* [threads] */
};

/* With the defaults that it has, all but the steps. */
static ag_entry attack_entry(void)
{
  ag_entry attack;
  ag_entry_start(&attack, ag_kind_find(ag_attack_table, "pgd"));
  (void)ag_settings_set(&attack.settings, "steps", "10");
  return attack;
}

/* One draw of a random network. */
static ag_entry defense_entry(void)
{
  ag_entry none;
  ag_entry_start(&none, ag_kind_find(ag_defense_table, "none"));
  return none;
}

ag_status ag_judges_create(const ag_network *network, size_t threads, size_t shard, double epsilon,
                           uint64_t seed, ag_judges **out)
{
  ag_status status = AG_OK;
  ag_judges *self = NULL;
  const ag_entry defense = defense_entry();
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  self->attack = attack_entry();
  self->epsilon = epsilon;
  AG_TRY(ag_allocate(threads, sizeof *self->lanes, &self->lanes));
  self->threads = threads;
  for (size_t i = 0; i < threads; ++i) {
    AG_TRY(ag_evaluator_create(&defense, network, NULL, &self->attack, shard, seed,
                               &self->lanes[i].evaluator));
    AG_TRY(ag_allocate(shard, sizeof(ag_outcome), &self->lanes[i].outcomes));
  }
cleanup:
  if (status != AG_OK) ag_judges_destroy(out);
  return status;
}

void ag_judges_destroy(ag_judges **out)
{
  ag_judges *self = *out;
  if (self == NULL) return;
  for (size_t i = 0; i < self->threads; ++i) {
    ag_release(&self->lanes[i].outcomes);
    ag_evaluator_destroy(&self->lanes[i].evaluator);
  }
  ag_release(&self->lanes);
  ag_release(out);
}

static ag_status judge(void *context, const ag_validation_shard *shard, size_t *robust)
{
  const ag_judges *self = context;
  const lane *mine = &self->lanes[shard->lane];
  ag_attack_cost cost = {0};
  *robust = 0;
  ag_evaluator_listen(mine->evaluator, shard->events);
  const ag_status status = ag_evaluate_shard(mine->evaluator, shard->images, shard->first,
                                             shard->count, self->epsilon, mine->outcomes, &cost);
  if (status == AG_NOT_FINITE) {
    return ag_fail(status, "a logit is not finite on a validation image under attack");
  }
  if (status != AG_OK) return status;
  for (size_t i = 0; i < shard->count; ++i) {
    const ag_outcome *outcome = &mine->outcomes[i];
    *robust += outcome->clean_prediction == outcome->label && outcome->prediction == outcome->label;
  }
  return AG_OK;
}

ag_shard_judge ag_judges_judge(ag_judges *judges)
{
  return (ag_shard_judge){judges, judge};
}

ag_attack_cost ag_judges_cost(void)
{
  const ag_entry attack = attack_entry();
  ag_attack_cost cost = ag_attack_of(&attack)->cost(&attack.settings);
  cost.forwards += 2; /* the verdicts before and behind it */
  return cost;
}

size_t ag_judges_bytes(const ag_network *network, size_t shard)
{
  const ag_entry attack = attack_entry();
  const ag_entry defense = defense_entry();
  return ag_evaluator_bytes(&defense, network, &attack, shard) + shard * sizeof(ag_outcome);
}
