/* Points with outcomes made by hand, for the sanity gates. */
#ifndef ADVGRID_TEST_GATE_POINTS_H
#define ADVGRID_TEST_GATE_POINTS_H

#include "support/fixture.h"

#include "advgrid/evaluation.h"

enum { IMAGES = 100, POINTS = 6, CLASSES = 10, LABEL = 3, OTHER = 7 };

typedef struct fixture {
  ag_entry attacks[POINTS];
  ag_outcome outcomes[POINTS][IMAGES];
  ag_gate_point points[POINTS];
  size_t count;
  ag_gates gates;
} fixture;

static inline fixture *start(void)
{
  fixture *f = (fixture *)test_bytes(sizeof *f);
  ag_gates_start(&f->gates);
  return f;
}

/* An attack of its own for the next point, named after what is said of it. */
static inline ag_entry *attack(fixture *f, const char *kind, const char *name)
{
  ag_entry *entry = &f->attacks[f->count];
  ag_entry_start(entry, ag_kind_find(ag_attack_table, kind));
  snprintf(entry->name, sizeof entry->name, "%s", name);
  return entry;
}

static inline void set(ag_entry *entry, const char *option, const char *value)
{
  assert_int_equal(ag_settings_set(&entry->settings, option, value), AG_OK);
}

/* All images are classified correctly and moved by epsilon; those below `from` and those from `to`
 * on fall. */
static inline ag_outcome *point(fixture *f, const ag_entry *entry, const char *epsilon, size_t from,
                                size_t to)
{
  ag_gate_point *new = &f->points[f->count];
  ag_outcome *outcomes = f->outcomes[f->count++];
  *new = (ag_gate_point){
      .attack = entry, .epsilon_text = epsilon, .outcomes = outcomes, .count = IMAGES};
  assert_int_equal(ag_number_read(epsilon, &new->epsilon), AG_OK);
  for (size_t i = 0; i < IMAGES; ++i) {
    outcomes[i] = (ag_outcome){.index = (uint32_t)i,
                               .label = LABEL,
                               .clean_prediction = LABEL,
                               .prediction = i >= from && i < to ? LABEL : OTHER,
                               .gradient = AG_GRADIENT_SOME,
                               .linf = (float)new->epsilon};
  }
  return outcomes;
}

static inline const ag_gate *conclude(fixture *f, ag_gate_index gate)
{
  ag_gates_take(&f->gates, &(ag_gate_model){.name = "model-1",
                                            .classes = CLASSES,
                                            .point_count = f->count,
                                            .points = f->points});
  ag_gates_conclude(&f->gates);
  return &f->gates.gates[gate];
}

static inline void expect(fixture *f, ag_gate_index index, ag_gate_verdict verdict,
                          const char *text)
{
  const ag_gate *gate = conclude(f, index);
  if (gate->verdict != verdict) fail_msg("%s: %s", gate->name, gate->text);
  assert_string_equal(gate->text, text);
  free(f);
}

#endif
