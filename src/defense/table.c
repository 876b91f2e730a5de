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
  return row->adversarial != NULL && row->adversarial(&defense->settings, how);
}

bool ag_defense_neighbours(const ag_entry *defense, ag_neighbours_wish *wish)
{
  const ag_defense *row = ag_defense_of(defense);
  return row->neighbours != NULL && row->neighbours(&defense->settings, wish);
}

bool ag_defense_latent_term(const ag_entry *defense, ag_latent_term *term)
{
  const ag_defense *row = ag_defense_of(defense);
  *term = (ag_latent_term){.loss = AG_LATENT_NONE};
  return row->latent_term != NULL && row->latent_term(&defense->settings, term);
}

static ag_status check_layer(const ag_network *network, const char *layer)
{
  ag_latent latent;
  const ag_status status = ag_network_find_latent(network, layer, &latent);
  return status == AG_OK ? status : ag_fail_within(status, "'layer'");
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
  ag_status status = AG_OK;
  ag_neighbours_wish wish;
  ag_latent_term term;
  AG_TRY(check_penalty(defense, network));
  if (ag_defense_latent_term(defense, &term)) AG_TRY(check_layer(network, term.layer));
  if (!ag_defense_neighbours(defense, &wish)) return AG_OK;
  AG_TRY(check_layer(network, wish.layer));
  const size_t wanted = wish.references * ag_network_classes(network);
  if (wanted <= images) return AG_OK;
  status = ag_fail(AG_BAD_JOB, "'references' of %zu classes are %zu images; %zu are trained on",
                   ag_network_classes(network), wanted, images);
cleanup:
  return status;
}

ag_draws ag_defense_draws(const ag_entry *defense)
{
  const ag_defense *row = ag_defense_of(defense);
  return row->draws == NULL ? (ag_draws){1, 1, false, false} : row->draws(&defense->settings);
}
