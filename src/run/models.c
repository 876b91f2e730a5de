/* The models of a plan: their networks and their files. */
#include "run/models.h"

#include <stdio.h>
#include <string.h>

ag_status ag_model_path(const ag_plan *plan, size_t model, const char *folder, size_t size,
                        char *path)
{
  const ag_model_unit *unit = &plan->models[model];
  const ag_settings *defense = &plan->job->defenses[unit->defense].settings;
  if (ag_settings_has(defense, "file")) {
    return ag_path_join(path, size, "%s", ag_settings_word(defense, "file"));
  }
  return ag_path_join(path, size, "%s/models/%s.h5", folder, unit->name);
}

ag_status ag_model_network_create(const ag_session *session, size_t model, ag_network **network)
{
  enum { CHANNELS_MAXIMUM = 16 };
  float mean[CHANNELS_MAXIMUM];
  float deviation[CHANNELS_MAXIMUM];
  const ag_model_unit *unit = &session->plan->models[model];
  const ag_status status =
      ag_network_create(&unit->layers, session->dataset.shape, session->dataset.classes, network);
  if (status != AG_OK) return status;
  ag_dataset_statistics(&session->dataset, mean, deviation);
  ag_network_initialise(*network, session->job->seeds[unit->seed], mean, deviation);
  return AG_OK;
}

ag_status ag_model_write(const ag_session *session, size_t model, const ag_network *network)
{
  ag_status status = AG_OK;
  char path[AG_PATH_SIZE];
  char key[AG_DIGEST_TEXT_SIZE];
  ag_digest_text(&session->plan->models[model].key, key);
  AG_TRY(ag_model_path(session->plan, model, session->request->folder, sizeof path, path));
  AG_TRY(ag_model_save(network, path, session->job->model.kind->name, key));
cleanup:
  return status;
}

/* Of the layers as the plan lists them: those that a network takes into others stretch nothing. Not
 * to know them is no failure. */
size_t ag_model_bounds(const ag_session *session, size_t model, const ag_network *network,
                       double bounds[1 + AG_LAYERS_MAXIMUM])
{
  ag_penalty_wish wish;
  ag_lipschitz_bounds all;
  const ag_model_unit *unit = &session->plan->models[model];
  if (!ag_defense_penalty(&session->job->defenses[unit->defense], &wish)) return 0;
  if (ag_lipschitz_measure(network, &all) != AG_OK) return 0;
  bounds[0] = all.network;
  for (size_t i = 0; i < unit->layers.count; ++i) {
    bounds[1 + i] = 1;
    for (size_t k = 0; k < ag_network_layer_count(network); ++k) {
      if (strcmp(ag_network_layer_name(network, k), unit->layers.layers[i].name) == 0)
        bounds[1 + i] = all.layers[k];
    }
  }
  return 1 + unit->layers.count;
}

/* Layers that cannot stretch anything are left out. */
void ag_model_tell_bounds(const ag_session *session, size_t model, const double *bounds)
{
  char text[1024] = "";
  size_t length = 0;
  const ag_model_unit *unit = &session->plan->models[model];
  for (size_t i = 0; i < unit->layers.count; ++i) {
    if (bounds[1 + i] == 1 || length >= sizeof text) continue;
    length += (size_t)snprintf(text + length, sizeof text - length, "%s%s %.4g",
                               length == 0 ? "" : ", ", unit->layers.layers[i].name, bounds[1 + i]);
  }
  ag_log("%s  Lipschitz bounds in L2: %s; network %.4g", unit->name, text, bounds[0]);
}

/* Loads a model's file into a network of its own; *digest: of what it holds. */
static ag_status read_model(const ag_session *session, size_t model, ag_digest *digest)
{
  ag_status status = AG_OK;
  char path[AG_PATH_SIZE];
  ag_network *network = NULL;
  const ag_model_unit *unit = &session->plan->models[model];
  AG_TRY(
      ag_network_create(&unit->layers, session->dataset.shape, session->dataset.classes, &network));
  AG_TRY(ag_model_path(session->plan, model, session->request->folder, sizeof path, path));
  AG_TRY(ag_model_load(network, path, NULL));
  AG_TRY(ag_network_digest(network, digest));
cleanup:
  ag_network_destroy(&network);
  return status;
}

ag_status ag_model_is_trained(ag_session *session, size_t model, bool *trained)
{
  ag_digest found;
  const ag_model_state *state = &session->ledger->models[model];
  *trained = false;
  if (state->progress != AG_PROGRESS_DONE) return AG_OK;
  const ag_status status = read_model(session, model, &found);
  if (status == AG_OUT_OF_MEMORY) return status;
  *trained = status == AG_OK && memcmp(&found, &state->record.parameters, sizeof found) == 0;
  if (!*trained) {
    ag_log("%s is trained again: %s", session->plan->models[model].name,
           status == AG_OK ? "its file holds another model" : ag_message());
  }
  return AG_OK;
}

/* A model that a defense takes from a file must fit its network; better known before than after
 * hours of training. */
ag_status ag_models_check(const ag_session *session)
{
  ag_status status = AG_OK;
  if (session->team.rank != 0) return AG_OK;
  for (size_t model = 0; model < session->plan->model_count && status == AG_OK; ++model) {
    ag_digest unused;
    if (!session->plan->models[model].from_file) continue;
    status = read_model(session, model, &unused);
    if (status != AG_OK) {
      status = ag_fail_within(status, "defense '%s'", session->plan->models[model].name);
    }
  }
  return status;
}
