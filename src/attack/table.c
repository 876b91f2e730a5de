/* The table of attacks: a new attack is a file with its row, and one line here. */
#include "attack/attack.h"

#include <math.h>
#include <stddef.h>

static const ag_attack *const rows[] = {&ag_attack_fgsm, &ag_attack_pgd,     &ag_attack_uniform,
                                        &ag_attack_cw,   &ag_attack_certify, &ag_attack_transfer};
enum { ROWS = sizeof rows / sizeof rows[0] };

const ag_kind *ag_attack_table(size_t index)
{
  return index < ROWS ? &rows[index]->kind : NULL;
}

const ag_attack *ag_attack_of(const ag_entry *entry)
{
  /* The kind is the row's first member. */
  return (const ag_attack *)(const void *)entry->kind;
}

ag_norm ag_attack_norm(const ag_entry *entry)
{
  const ag_attack *attack = ag_attack_of(entry);
  return attack->norm == NULL ? AG_NORM_LINF : attack->norm(&entry->settings);
}

const char *ag_attack_source(const ag_entry *entry)
{
  const ag_attack *attack = ag_attack_of(entry);
  return attack->source == NULL ? NULL : attack->source(&entry->settings);
}

bool ag_attack_takes_epsilon(const ag_entry *entry)
{
  return ag_attack_of(entry)->finds == AG_FINDS_VERDICT;
}

ag_threat ag_attack_threat(const ag_entry *entry, double epsilon)
{
  return (ag_threat){.epsilon = ag_attack_takes_epsilon(entry) ? (float)epsilon : INFINITY,
                     .norm = ag_attack_norm(entry)};
}
