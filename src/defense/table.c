/* The table of defenses: a new defense is a file with its row, and one line here. */
#include "defense/defense.h"

static const ag_defense *const rows[] = {&ag_defense_none, &ag_defense_gaussian_noise,
                                         &ag_defense_adversarial_training, &ag_defense_latent,
                                         &ag_defense_lipschitz};
enum { ROWS = sizeof rows / sizeof rows[0] };

const ag_kind *ag_defense_table(size_t index)
{
  return index < ROWS ? &rows[index]->kind : NULL;
}

const ag_defense *ag_defense_of(const ag_entry *entry)
{
  /* The kind is the row's first member. */
  return (const ag_defense *)(const void *)entry->kind;
}

ag_status ag_defense_layers(const ag_entry *defense, const ag_entry *model, size_t classes,
                            ag_layer_list *layers)
{
  const ag_defense *row = ag_defense_of(defense);
  const ag_status status = ag_architecture_layers(model, classes, layers);
  if (status != AG_OK || row->change_layers == NULL) return status;
  return row->change_layers(&defense->settings, layers);
}

bool ag_defense_adversarial(const ag_entry *defense, ag_adversarial *how)
{
  const ag_defense *row = ag_defense_of(defense);
  if (row->adversarial != NULL) *how = row->adversarial(&defense->settings);
  return row->adversarial != NULL;
}

bool ag_defense_penalty(const ag_entry *defense, ag_penalty_wish *wish)
{
  const ag_defense *row = ag_defense_of(defense);
  if (row->penalty != NULL) *wish = row->penalty(&defense->settings);
  return row->penalty != NULL && wish->samples > 0;
}

/* Nothing is learnt of a model from a file. */
static ag_status check_penalty(const ag_entry *defense, const ag_network *network)
{
  ag_penalty_wish wish;
  if (ag_settings_has(&defense->settings, "file")) return AG_OK;
  return ag_defense_penalty(defense, &wish) ? ag_penalty_check(&wish, network) : AG_OK;
}

ag_status ag_defense_check(const ag_entry *defense, const ag_network *network, size_t images)
{
  ag_latent latent;
  const ag_defense *row = ag_defense_of(defense);
  if (row->neighbours == NULL) return check_penalty(defense, network);
  const ag_neighbours_wish wish = row->neighbours(&defense->settings);
  const size_t wanted = wish.references * ag_network_classes(network);
  const ag_status status = ag_network_find_latent(network, wish.layer, &latent);
  if (status != AG_OK) return ag_fail_within(status, "'layer'");
  if (wanted <= images) return AG_OK;
  return ag_fail(AG_BAD_JOB, "'references' of %zu classes are %zu images; %zu are trained on",
                 ag_network_classes(network), wanted, images);
}

ag_draws ag_defense_draws(const ag_entry *defense)
{
  const ag_defense *row = ag_defense_of(defense);
  return row->draws == NULL ? (ag_draws){1, 1, false} : row->draws(&defense->settings);
}
