/* The table of attacks: a new attack is a file with its row, and one line here. */
#include "attack/attack.h"

#include <stddef.h>

static const ag_attack *const rows[] = {&ag_attack_fgsm, &ag_attack_pgd, &ag_attack_uniform};
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
