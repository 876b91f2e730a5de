/* A plan made by hand and records for it: what the store's tests share. */
#ifndef ADVGRID_TEST_SMALL_PLAN_H
#define ADVGRID_TEST_SMALL_PLAN_H

#include "support/folder.h"

#include "advgrid/store.h"

enum {
  PLAN_MODELS = 4,  /* 2 defenses x 2 seeds */
  PLAN_POINTS = 16, /* x 2 attacks x 2 epsilons */
  PLAN_UNITS = 32,  /* x 2 blocks of images: 0 to 2, 3 to 4 */
  PLAN_IMAGES = 5
};

typedef struct small_plan {
  ag_plan plan;
  ag_job job;
  ag_entry defenses[2], attacks[2];
  ag_epsilon epsilons[2];
  uint64_t seeds[2];
  ag_model_unit models[PLAN_MODELS];
  ag_point points[PLAN_POINTS];
  ag_unit units[PLAN_UNITS];
} small_plan;

static inline ag_digest small_key(const char *kind, size_t index)
{
  char text[64];
  ag_digest key;
  snprintf(text, sizeof text, "%s %zu", kind, index);
  assert_int_equal(ag_digest_compute(text, strlen(text), &key), AG_OK);
  return key;
}

static inline void small_plan_fill_models(small_plan *small)
{
  for (size_t i = 0; i < PLAN_MODELS; ++i) {
    ag_model_unit *model = &small->models[i];
    model->defense = i / 2;
    model->seed = i % 2;
    model->key = small_key("model", i);
    snprintf(model->name, sizeof model->name, "%s-seed%d", small->defenses[i / 2].name,
             (int)small->seeds[i % 2]);
  }
  for (size_t i = 0; i < PLAN_POINTS; ++i) {
    small->points[i] = (ag_point){.model = i / 4,
                                  .source = i / 4,
                                  .attack = i / 2 % 2,
                                  .epsilon = i % 2,
                                  .key = small_key("point", i),
                                  .first_unit = 2 * i,
                                  .unit_count = 2};
  }
  for (size_t i = 0; i < PLAN_UNITS; ++i) {
    small->units[i] = (ag_unit){.point = i / 2,
                                .first = i % 2 == 0 ? 0 : 3,
                                .count = i % 2 == 0 ? 3 : 2,
                                .key = small_key("unit", i)};
  }
}

/** Owned by the caller, freed by free. */
static inline small_plan *small_plan_create(void)
{
  small_plan *small = (small_plan *)test_bytes(sizeof *small);
  snprintf(small->job.name, sizeof small->job.name, "by-hand");
  snprintf(small->job.dataset.name, sizeof small->job.dataset.name, "synthetic");
  for (size_t i = 0; i < 2; ++i)
    ag_entry_start(&small->defenses[i], ag_kind_find(ag_defense_table, "none"));
  snprintf(small->defenses[0].name, AG_NAME_SIZE, "none");
  snprintf(small->defenses[1].name, AG_NAME_SIZE, "bruit-\xc3\xa9lev\xc3\xa9");
  ag_entry_start(&small->attacks[0], ag_kind_find(ag_attack_table, "fgsm"));
  ag_entry_start(&small->attacks[1], ag_kind_find(ag_attack_table, "pgd"));
  snprintf(small->attacks[1].name, AG_NAME_SIZE, "pgd-20");
  small->epsilons[0] = (ag_epsilon){.value = 8.0 / 255.0, .text = "8/255"};
  small->epsilons[1] = (ag_epsilon){.value = 0.1, .text = "0.1"};
  small->seeds[0] = 1;
  small->seeds[1] = 7;
  small->job.defense_count = small->job.attack_count = 2;
  small->job.epsilon_count = small->job.seed_count = 2;
  small->job.defenses = small->defenses;
  small->job.attacks = small->attacks;
  small->job.epsilons = small->epsilons;
  small->job.seeds = small->seeds;
  small_plan_fill_models(small);
  small->plan = (ag_plan){.job = &small->job,
                          .model_count = PLAN_MODELS,
                          .point_count = PLAN_POINTS,
                          .unit_count = PLAN_UNITS,
                          .models = small->models,
                          .points = small->points,
                          .units = small->units};
  return small;
}

/* The payload of a unit's record. */
typedef struct small_unit {
  ag_unit_record head;
  ag_outcome outcomes[PLAN_IMAGES];
} small_unit;

/** Image i has label i, a right prediction where it is not 4, and falls where it is odd. */
static inline small_unit small_unit_outcomes(const ag_unit *unit)
{
  small_unit done = {.head = {.rank = 1,
                              .outcomes = (uint32_t)unit->count,
                              .seconds = 0.5,
                              .cost = {.gradients = 10, .forwards = 20}}};
  for (size_t i = 0; i < unit->count; ++i) {
    const size_t image = unit->first + i;
    ag_outcome *outcome = &done.outcomes[i];
    outcome->index = (uint32_t)image;
    outcome->label = (uint8_t)image;
    outcome->clean_prediction = (uint8_t)(image == 4 ? 0 : image);
    outcome->prediction = (uint8_t)(image == 4 || image % 2 == 1 ? 9 : image);
    outcome->clean_margin = 1.5F;
    outcome->margin = image % 2 == 1 ? -0.25F : 0.75F;
    outcome->linf = 0.03F;
    outcome->l2 = (float)image;
  }
  return done;
}

static inline ag_record small_unit_record(const ag_unit *unit, const small_unit *done)
{
  return (ag_record){.kind = AG_RECORD_UNIT,
                     .key = unit->key,
                     .payload = done,
                     .size = sizeof done->head + unit->count * sizeof *done->outcomes};
}

static inline void take_unit_done(ag_ledger *ledger, size_t index)
{
  const ag_unit *unit = &ledger->plan->units[index];
  const small_unit done = small_unit_outcomes(unit);
  const ag_record record = small_unit_record(unit, &done);
  assert_int_equal(ag_ledger_take(ledger, &record), AG_OK);
}

static inline ag_status take(ag_ledger *ledger, ag_record_kind kind, ag_digest key,
                             const void *payload, size_t size)
{
  return ag_ledger_take(ledger,
                        &(ag_record){.kind = kind, .key = key, .payload = payload, .size = size});
}

#endif
