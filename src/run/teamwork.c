/* Training a model in a team. A team trains in segments; between two of them its leader asks the
 * coordinator how to go on, and tells the others: as they are, as another team, or not at all. */
#include "run/teamwork.h"
#include "plan/workload.h"
#include "run/models.h"

#include <math.h>

/* A checkpoint at the end of an epoch takes at most this share of the time since the last. */
static const double CHECKPOINT_SHARE = 0.02;

/* What the leader tells the others. */
typedef enum word { GO_ON, REGROUP, LEAVE } word;

typedef struct teamwork {
  ag_desk *desk;
  ag_session *session;
  size_t model;
  ag_network *network;
  ag_trainer *trainer;
  ag_adversaries *adversaries; /* NULL but where the defense trains adversarially */
  ag_judges *judges;           /* likewise */
  ag_penalty *penalty;         /* NULL but where the defense has one */
  ag_team team;
  double flops_per_image;
  double segment_start;
  double begun; /* what has not been reported of this rank's time with the team */
  double asked; /* when the leader asked and was told to leave this team; else 0 */
  double checkpointed, checkpoint_seconds; /* when the last was written, and how long it took */
} teamwork;

static bool is_leader(const teamwork *self)
{
  return self->team.rank == 0;
}

/* ---- events of the trainer ---- */

/* How much of the training is done, in the steps of all its epochs. */
static double share_done(const teamwork *self)
{
  const ag_training_position position = ag_trainer_state(self->trainer).position;
  const double batch = (double)ag_settings_count(&self->session->job->training.settings, "batch");
  const double flops = self->flops_per_image * batch * (double)position.steps;
  return fmin(1, flops / self->session->plan->models[self->model].flops);
}

static void step_done(void *context, size_t images)
{
  const teamwork *self = context;
  ag_meter_unit(&self->session->meter, share_done(self));
  if (!is_leader(self)) return;
  self->desk->images += images;
  self->desk->flops += self->flops_per_image * (double)images;
}

/* The rank's time until now, or until it asked, is of the epoch of the last step. */
static void report_span(teamwork *self)
{
  const ag_training_position position = ag_trainer_state(self->trainer).position;
  const size_t images = self->session->dataset.training.count;
  const size_t batch = ag_settings_count(&self->session->job->training.settings, "batch");
  const size_t epoch = ag_divide_up((size_t)position.steps, ag_divide_up(images, batch));
  const double now = ag_clock_seconds();
  ag_desk_report_span(self->desk, self->model, (uint32_t)ag_maximum(1, epoch), self->begun,
                      self->asked > 0 ? self->asked : now);
  self->begun = now;
  self->asked = 0;
}

/* The last epoch's time goes on until the model is written. */
static ag_status epoch_done(void *context, const ag_epoch *row)
{
  teamwork *self = context;
  const ag_settings *training = &self->session->job->training.settings;
  if (row->epoch < ag_settings_count(training, "epochs")) report_span(self);
  if (is_leader(self)) ag_desk_report_epoch(self->desk, self->model, row);
  return AG_OK;
}

static bool is_checkpoint_due(const teamwork *self)
{
  const double minutes = ag_settings_number(&self->session->job->run, "checkpoint_minutes");
  return ag_clock_seconds() - self->checkpointed >= 60 * minutes;
}

static bool is_segment_over(const teamwork *self)
{
  return ag_clock_seconds() - self->segment_start >= AG_SEGMENT_SECONDS;
}

static bool wants_pause(void *context)
{
  const teamwork *self = context;
  return is_leader(self) && (is_segment_over(self) || is_checkpoint_due(self));
}

/* ---- start and end ---- */

/* A leader that begins goes on from the newest checkpoint. */
static ag_status restore(teamwork *self)
{
  const ag_session *session = self->session;
  const ag_model_unit *unit = &session->plan->models[self->model];
  ag_checkpoint checkpoint;
  bool found = false;
  const ag_status status = ag_checkpoint_load(session->request->folder, unit->name, &unit->key,
                                              ag_network_floats(self->network), &found,
                                              &checkpoint);
  if (status != AG_OK || !found) return status;
  ag_trainer_restore(self->trainer, &checkpoint.state);
  ag_checkpoint_clear(&checkpoint);
  return AG_OK;
}

/* What the defense changes in what is learnt, where it does. */
static ag_status create_lessons(teamwork *self)
{
  ag_status status = AG_OK;
  const ag_session *session = self->session;
  const ag_model_unit *unit = &session->plan->models[self->model];
  const uint64_t seed = session->job->seeds[unit->seed];
  const size_t threads = ag_pool_threads(session->pool);
  const size_t shard = ag_settings_count(&session->job->training.settings, "shard");
  const ag_entry *defense = &session->job->defenses[unit->defense];
  ag_latent_term term;
  ag_adversarial how;
  if (ag_defense_latent_term(defense, &term)) AG_TRY(ag_trainer_add_term(self->trainer, &term));
  if (!ag_defense_adversarial(defense, &how)) return AG_OK;
  AG_TRY(ag_adversaries_create(&how, self->network, threads, shard, seed, &self->adversaries));
  const ag_shard_change change = ag_adversaries_change(self->adversaries);
  ag_trainer_change(self->trainer, &change);
  if (!how.judged) return AG_OK;
  AG_TRY(ag_judges_create(self->network, threads, shard, (double)how.epsilon, seed, &self->judges));
  const ag_shard_judge judge = ag_judges_judge(self->judges);
  AG_TRY(ag_trainer_judge(self->trainer, &judge, how.keeps_best));
cleanup:
  return status;
}

static ag_status create_penalty(teamwork *self)
{
  const ag_job *job = self->session->job;
  const ag_model_unit *unit = &self->session->plan->models[self->model];
  ag_penalty_wish wish;
  if (!ag_defense_penalty(&job->defenses[unit->defense], &wish) || wish.weight == 0) return AG_OK;
  const ag_status status = ag_penalty_create(&wish, self->network, &self->penalty);
  if (status == AG_OK) ag_trainer_penalise(self->trainer, self->penalty);
  return status;
}

static ag_status create(teamwork *self, bool begins)
{
  ag_status status = AG_OK;
  const ag_session *session = self->session;
  const ag_model_unit *unit = &session->plan->models[self->model];
  const ag_training *training = &session->job->training;
  const double images = (double)session->dataset.training.count *
                        (double)ag_settings_count(&training->settings, "epochs");
  self->flops_per_image = unit->flops / images;
  AG_TRY(ag_model_network_create(session, self->model, &self->network));
  AG_TRY(ag_trainer_create(training, session->job->seeds[unit->seed], &session->dataset,
                           session->pool, self->network, &self->trainer));
  AG_TRY(create_lessons(self));
  AG_TRY(create_penalty(self));
  if (begins) AG_TRY(restore(self));
cleanup:
  return status;
}

/* Makes the team that is in the desk's order; collective over it. */
static void form_team(teamwork *self)
{
  const ag_desk_order *order = &self->desk->order;
  MPI_Comm all = self->session->team.communicator;
  MPI_Comm communicator = MPI_COMM_NULL;
  MPI_Group everyone;
  MPI_Group members;
  int *ranks = (int *)(void *)order->team; /* what MPI_Group_incl reads */
  MPI_Comm_group(all, &everyone);
  MPI_Group_incl(everyone, (int)order->head.team_size, ranks, &members);
  MPI_Comm_create_group(all, members, AG_TAG_TEAM, &communicator);
  MPI_Group_free(&members);
  MPI_Group_free(&everyone);
  self->team = ag_team_meet(communicator);
  self->team.between = ag_desk_between;
  self->team.context = self->desk;
}

static void leave_team(teamwork *self)
{
  if (self->team.communicator != MPI_COMM_NULL) MPI_Comm_free(&self->team.communicator);
}

/* ---- between segments ---- */

/* Not finding room for a checkpoint is no reason to lose the training too. */
static void save_checkpoint(teamwork *self)
{
  const ag_session *session = self->session;
  const ag_model_unit *unit = &session->plan->models[self->model];
  const double start = ag_clock_seconds();
  ag_trainer_collect(self->trainer);
  if (is_leader(self) && ag_desk_epochs_recorded(self->desk)) {
    const ag_checkpoint checkpoint = {.key = unit->key, .state = ag_trainer_state(self->trainer)};
    if (ag_checkpoint_save(session->request->folder, unit->name, &checkpoint) != AG_OK) {
      ag_log("%s goes on without a checkpoint: %s", unit->name, ag_message());
    }
  }
  self->checkpointed = ag_clock_seconds();
  self->checkpoint_seconds = self->checkpointed - start;
}

/* At the end of an epoch too, but where epochs are so short that it would take their time. */
static bool wants_checkpoint(const teamwork *self)
{
  const double since = ag_clock_seconds() - self->checkpointed;
  const bool epoch_ended = ag_trainer_state(self->trainer).position.images == 0;
  return is_checkpoint_due(self) ||
         (epoch_ended && self->checkpoint_seconds <= CHECKPOINT_SHARE * since);
}

/* The leader's number, for all. */
static int hear(const teamwork *self, int number)
{
  ag_team_share(&self->team, &number, sizeof number);
  return number;
}

/* The leader asks; the order that comes stays the desk's where it is for another team. While the
 * team goes on as it is nobody in it is without work. */
static word ask(teamwork *self)
{
  const ag_training_position position = ag_trainer_state(self->trainer).position;
  const double batch = (double)ag_settings_count(&self->session->job->training.settings, "batch");
  const ag_desk_order *order = &self->desk->order;
  const double idle = self->desk->idle;
  ag_desk_report_start(self->desk, AG_REPORT_SEGMENT, self->model);
  self->desk->report->flops = fmax(0, self->session->plan->models[self->model].flops -
                                          self->flops_per_image * batch * (double)position.steps);
  ag_desk_report_send(self->desk);
  self->asked = ag_clock_seconds();
  ag_desk_wait(self->desk);
  if (order->head.kind != AG_ORDER_TRAIN || order->head.model != self->model) return LEAVE;
  if (!order->head.same_team) return REGROUP;
  ag_desk_take(self->desk);
  self->desk->idle = idle;
  self->asked = 0;
  return GO_ON;
}

/* A segment is over, or an epoch, or it is time for a checkpoint. */
static word pause(teamwork *self)
{
  word next = GO_ON;
  if (hear(self, is_leader(self) && wants_checkpoint(self))) save_checkpoint(self);
  if (hear(self, is_leader(self) && is_segment_over(self))) {
    if (is_leader(self)) next = ask(self);
    next = (word)hear(self, (int)next);
    self->segment_start = ag_clock_seconds();
  }
  return next;
}

/* ---- the end of a training ---- */

static void report_end(teamwork *self, ag_status status)
{
  const ag_session *session = self->session;
  ag_digest digest = {{0}};
  if (status == AG_OK) status = ag_network_digest(self->network, &digest);
  if (status == AG_OK) status = ag_model_write(session, self->model, self->network);
  ag_desk_report_start(self->desk, AG_REPORT_MODEL, self->model);
  if (status == AG_OK) {
    ag_report *report = self->desk->report;
    report->bound_count = ag_model_bounds(session, self->model, self->network, report->bounds);
  }
  ag_desk_report_status(self->desk, status);
  self->desk->report->digest = digest;
  ag_desk_report_send(self->desk);
}

/* The team stops where it can go on later. */
static void report_interruption(teamwork *self)
{
  save_checkpoint(self);
  if (!is_leader(self)) return;
  ag_desk_report_start(self->desk, AG_REPORT_SEGMENT, self->model);
  ag_desk_report_status(self->desk, AG_INTERRUPTED);
  ag_desk_report_send(self->desk);
}

/* A rank that is alone with its failure says why; the leader says that the training ended. */
static void report_failure(teamwork *self, ag_status status)
{
  if (is_leader(self)) {
    report_end(self, status);
  } else if (status != AG_NOT_FINITE && status != AG_ELSEWHERE) {
    ag_desk_report_start(self->desk, AG_REPORT_BROKEN, self->model);
    ag_desk_report_status(self->desk, status);
    ag_desk_report_send(self->desk);
  }
}

/* Trains with one team. True where another is to go on. */
static bool train(teamwork *self)
{
  bool finished = false;
  bool regroups = false;
  word next = GO_ON;
  const ag_training_events events = {
      .context = self, .step = step_done, .epoch = epoch_done, .pause = wants_pause};
  ag_status status = ag_trainer_join(self->trainer, &self->team);
  self->segment_start = ag_clock_seconds();
  while (status == AG_OK && !finished && next == GO_ON) {
    status = ag_trainer_run(self->trainer, &events, &finished);
    if (status == AG_OK && !finished) next = pause(self);
  }
  if (status == AG_INTERRUPTED) {
    report_interruption(self);
  } else if (status != AG_OK) {
    report_failure(self, status);
  } else if (finished && is_leader(self)) {
    report_end(self, AG_OK);
  } else if (next == REGROUP) {
    ag_trainer_collect(self->trainer);
    regroups = true;
  } else if (!finished) {
    save_checkpoint(self); /* the run stops */
  }
  if (status == AG_OK || status == AG_INTERRUPTED) report_span(self);
  return regroups;
}

void ag_teamwork_run(ag_desk *desk)
{
  ag_session *session = desk->session;
  teamwork self = {.desk = desk,
                   .session = session,
                   .model = (size_t)desk->order.head.model,
                   .begun = ag_clock_seconds(),
                   .checkpointed = ag_clock_seconds()};
  const bool begins = desk->order.team[0] == (uint32_t)session->team.rank;
  const ag_status status = create(&self, begins);
  bool goes_on = true;
  while (goes_on) {
    const bool waits = !desk->has_order;
    ag_desk_wait(desk); /* the members of a new team are told one by one */
    if (waits) self.begun = ag_clock_seconds();
    form_team(&self);
    ag_desk_take(desk);
    const ag_status together = ag_team_agree(&self.team, status);
    if (together != AG_OK) report_failure(&self, together);
    goes_on = together == AG_OK && train(&self);
    leave_team(&self);
  }
  ag_trainer_destroy(&self.trainer);
  ag_judges_destroy(&self.judges);
  ag_adversaries_destroy(&self.adversaries);
  ag_penalty_destroy(&self.penalty);
  ag_network_destroy(&self.network);
}
