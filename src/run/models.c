/* Training the models of a plan, and the records and files that come of it. */
#include "run/models.h"
#include "run/unit.h"

#include <string.h>

/* What the trainer's events need. */
typedef struct progress_of_training {
  ag_session *session;
  size_t model;
  double flops_per_image;
  uint64_t images;
} progress_of_training;

static void step_done(void *context, size_t images)
{
  progress_of_training *self = context;
  self->images += images;
  ag_meter_advance(&self->session->meter, self->flops_per_image * (double)images, images);
}

static ag_status epoch_done(void *context, const ag_epoch *row)
{
  const progress_of_training *self = context;
  ag_session *session = self->session;
  const ag_model_unit *model = &session->plan->models[self->model];
  if (session->team.rank != 0) return AG_OK;
  ag_meter_say(
      &session->meter, "%s  epoch %u of %zu  loss %.4f  train %.2f %%  validation %.2f %%  %.1f s",
      model->name, row->epoch, ag_settings_count(&session->job->training.settings, "epochs"),
      row->loss, 100 * row->train_accuracy, 100 * row->validation_accuracy, row->seconds);
  return ag_session_record(session, &(ag_record){.kind = AG_RECORD_EPOCH,
                                                 .key = model->key,
                                                 .payload = row,
                                                 .size = sizeof *row});
}

static ag_status create_network(const ag_session *session, size_t model, ag_network **network)
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

/* Rank 0 writes the file, then the record: a record without its file never is. */
static ag_status save_model(ag_session *session, size_t model, const ag_network *network,
                            const ag_model_record *record)
{
  ag_status status = AG_OK;
  char path[AG_PATH_SIZE];
  char key[AG_DIGEST_TEXT_SIZE];
  if (session->team.rank != 0) return AG_OK;
  const ag_model_unit *unit = &session->plan->models[model];
  ag_digest_text(&unit->key, key);
  AG_TRY(ag_model_path(session->plan, model, session->request->folder, sizeof path, path));
  AG_TRY(ag_model_save(network, path, session->job->model.kind->name, key));
  AG_TRY(ag_session_record(session, &(ag_record){.kind = AG_RECORD_MODEL,
                                                 .key = unit->key,
                                                 .payload = record,
                                                 .size = sizeof *record}));
cleanup:
  return status;
}

/* A training that failed by its numbers, on every rank alike: its units cannot be done. */
static ag_status record_failed(ag_session *session, size_t model)
{
  const ag_model_unit *unit = &session->plan->models[model];
  if (session->team.rank != 0) return AG_OK;
  ag_meter_say(&session->meter, "%s failed: %s", unit->name, ag_message());
  return ag_session_record_failure(session, &unit->key, ag_message());
}

static ag_status train_model(ag_session *session, size_t model)
{
  ag_status status = AG_OK;
  ag_network *network = NULL;
  const ag_model_unit *unit = &session->plan->models[model];
  const double images = (double)session->dataset.training.count *
                        (double)ag_settings_count(&session->job->training.settings, "epochs");
  progress_of_training progress = {
      .session = session, .model = model, .flops_per_image = unit->flops / images};
  const ag_training_events events = {.context = &progress, .step = step_done, .epoch = epoch_done};
  const double start = ag_clock_seconds();
  ag_meter_activity(&session->meter, "training %s", unit->name);
  AG_TRY(ag_ranks_agree(session->team.communicator, create_network(session, model, &network)));
  status = ag_train(&session->job->training, session->job->seeds[unit->seed], &session->dataset,
                    session->pool, &session->team, &events, network);
  if (status == AG_NOT_FINITE) {
    status = record_failed(session, model);
  } else if (status == AG_OK) {
    ag_model_record record = {.seconds = ag_clock_seconds() - start, .images = progress.images};
    status = ag_network_digest(network, &record.parameters);
    if (status == AG_OK) status = save_model(session, model, network, &record);
  }
  status = ag_ranks_agree(session->team.communicator, status);
cleanup:
  ag_network_destroy(&network);
  return status;
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

ag_status ag_models_train(ag_session *session)
{
  ag_status status = AG_OK;
  for (size_t model = 0; model < session->plan->model_count && status == AG_OK; ++model) {
    if (!session->model_closed[model]) status = train_model(session, model);
  }
  return status;
}
