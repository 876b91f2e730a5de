/* Expands a job: models, points, units, their keys and what they cost in FLOPs. */
#include "plan/details.h"
#include "plan/keys.h"
#include "plan/source.h"
#include "training/partition.h"

#include <math.h>

/* Beyond these a job is a slip of the pen, and the plan would not fit in memory. */
enum { MODELS_MAXIMUM = 10000, UNITS_MAXIMUM = 5000000 };

/* What the models of one defense cost; seeds make no difference. */
typedef struct cost {
  ag_flops pass; /* one image, one pass */
  double learning;
  ag_passes attack, judgement;
  double training;   /* in FLOPs */
  size_t rank_bytes; /* to train it and to attack it, but for a thread's memory: ... */
  size_t training_bytes, attack_bytes; /* ... in training, and under any attack */
  size_t source_bytes;                 /* the network with its defense around it */
  ag_layer_sums sums;
  ag_details_form details;
  ag_layer_list layers;
} cost;

/* How often the attack's work is done on a model: once for all epsilons where it takes none. */
static size_t rounds_of(const ag_job *job, size_t attack)
{
  return ag_attack_takes_epsilon(&job->attacks[attack]) ? job->epsilon_count : 1;
}

static ag_status count_parts(const ag_job *job, ag_plan *plan, size_t *blocks)
{
  const size_t images = ag_settings_count(&job->evaluation, "images");
  const size_t block = ag_settings_count(&job->evaluation, "block");
  size_t rounds = 0;
  for (size_t i = 0; i < job->attack_count; ++i)
    rounds += rounds_of(job, i);
  *blocks = ag_divide_up(images, block);
  bool fits = !__builtin_mul_overflow(job->defense_count, job->seed_count, &plan->model_count);
  fits = fits && plan->model_count <= MODELS_MAXIMUM;
  fits = fits && !__builtin_mul_overflow(plan->model_count, job->attack_count, &plan->point_count);
  fits = fits && !__builtin_mul_overflow(plan->point_count, job->epsilon_count, &plan->point_count);
  fits = fits && !__builtin_mul_overflow(plan->model_count, rounds, &plan->unit_count);
  fits = fits && !__builtin_mul_overflow(plan->unit_count, *blocks, &plan->unit_count);
  if (fits && plan->unit_count <= UNITS_MAXIMUM) return AG_OK;
  return ag_fail(AG_BAD_JOB,
                 "%zu defenses, %zu seeds, %zu attacks, %zu epsilons and %zu blocks of images; "
                 "expected at most %d models and %d units of work",
                 job->defense_count, job->seed_count, job->attack_count, job->epsilon_count,
                 *blocks, MODELS_MAXIMUM, UNITS_MAXIMUM);
}

static size_t larger(size_t a, size_t b)
{
  return a > b ? a : b;
}

/* With instructions that run here, since a job may be planned, and its results read, on another
 * processor than the one that runs it. */
ag_status ag_plan_network(const ag_plan *plan, const ag_layer_list *layers, ag_network **network)
{
  const ag_variant *variant = NULL;
  ag_layer_list list = *layers;
  if (ag_kernel_choice_variant(&list.kernels, &variant) != AG_OK) {
    list.kernels.instructions[0] = '\0';
  }
  return ag_network_create(&list, plan->dataset.shape, plan->dataset.classes, network);
}

/* views: rows of a pass that an image comes to. */
static ag_layer_sums sums_of(const ag_network *network, size_t views, size_t shard, size_t batch)
{
  ag_layer_sums sums = {0};
  for (size_t layer = 0; layer < ag_network_layer_count(network); ++layer) {
    const bool factored = ag_factors_pay(network, layer, views * shard, views * batch);
    size_t floats = 0;
    for (size_t p = ag_network_layer_first_parameter(network, layer);
         p < ag_network_layer_first_parameter(network, layer + 1); ++p) {
      const ag_parameter *parameter = ag_network_parameter(network, p);
      if (!parameter->trained && !parameter->averaged) continue;
      if (!factored || parameter->layout != AG_LAYOUT_DENSE) floats += parameter->floats;
    }
    sums.layers += floats > 0;
    sums.floats += floats;
    if (!factored) continue;
    const ag_factors factors = ag_network_layer_factors(network, layer);
    ++sums.factor_layers;
    sums.floats_per_image += views * (factors.inputs + factors.outputs);
  }
  return sums;
}

static double passes_flops(const ag_flops *pass, const ag_passes *passes)
{
  return passes->gradients * (pass->forward + pass->input_gradient) +
         passes->forwards * pass->forward;
}

/* Randomness is keyed by a training's steps. */
static ag_status check_steps(const ag_plan *plan)
{
  const ag_settings *training = &plan->job->training.settings;
  const double steps =
      ceil((double)plan->dataset.training.count / (double)ag_settings_count(training, "batch")) *
      (double)ag_settings_count(training, "epochs");
  if (steps < AG_STEPS_MAXIMUM) return AG_OK;
  return ag_fail(AG_BAD_JOB, "training takes %.0f steps; expected under %d", steps,
                 AG_STEPS_MAXIMUM);
}

/* What a defense adds to each epoch. */
static ag_status measure_adversary(const ag_plan *plan, const ag_adversarial *how, cost *out)
{
  const size_t shard = ag_settings_count(&plan->job->training.settings, "shard");
  const ag_attack_cost attack = ag_adversarial_cost(how);
  const ag_attack_cost judgement = ag_judges_cost();
  const double share = (double)ag_adversarial_images(how, shard) / (double)shard;
  if (how->keeps_best && plan->dataset.validation.count == 0) {
    return ag_fail(AG_BAD_JOB, "'keep' is best, by validation images of which there are none; "
                               "expected validation_images over 0, or keep: last");
  }
  out->attack = (ag_passes){share * (double)attack.gradients, share * (double)attack.forwards};
  if (!how->judged) return AG_OK;
  out->judgement = (ag_passes){(double)judgement.gradients, (double)judgement.forwards};
  return AG_OK;
}

/* Pairs are drawn within a shard. */
static ag_status check_pairs(const ag_latent_term *term, const ag_settings *training)
{
  static const char *const names[] = {"shard", "batch"};
  for (size_t i = 0; term->loss != AG_LATENT_NONE && i < 2; ++i) {
    if (ag_settings_count(training, names[i]) > 1) continue;
    return ag_fail(AG_BAD_JOB,
                   "'loss' is of the pairs of a shard, and '%s' is 1; expected 2 or "
                   "more",
                   names[i]);
  }
  return AG_OK;
}

static double flops_of_learning(const ag_flops *pass)
{
  return pass->forward + pass->input_gradient + pass->weight_gradient;
}

/* The training of a network: FLOPs, blocks as large as its parameters, and bytes of a thread. */
static ag_status measure_training(const ag_plan *plan, const ag_entry *defense,
                                  const ag_network *network, cost *out)
{
  ag_status status = AG_OK;
  ag_adversarial how;
  ag_latent_term term;
  const ag_settings *training = &plan->job->training.settings;
  const size_t shard = ag_settings_count(training, "shard");
  const ag_flops *pass = &out->pass;
  /* Gradients, their velocity, a buffer for the sum over ranks. */
  size_t blocks = 3;
  AG_TRY(check_steps(plan));
  (void)ag_defense_latent_term(defense, &term);
  AG_TRY(check_pairs(&term, training));
  const ag_latent_cost latent = ag_latent_term_cost(&term, network, shard);
  out->training_bytes = ag_workspace_bytes(network, latent.views * shard) + latent.bytes;
  out->sums = sums_of(network, latent.views, shard, ag_settings_count(training, "batch"));
  out->learning = (double)latent.views + latent.flops / flops_of_learning(pass);
  if (ag_settings_number(training, "averaging") > 0) ++blocks;
  if (ag_defense_adversarial(defense, &how)) {
    AG_TRY(measure_adversary(plan, &how, out));
    if (how.keeps_best) ++blocks;
    out->training_bytes += ag_adversary_bytes(&how, network, shard);
    if (how.judged) out->training_bytes += ag_judges_bytes(network, shard);
  }
  out->training = (double)ag_settings_count(training, "epochs") *
                  ((double)plan->dataset.training.count * (out->learning * flops_of_learning(pass) +
                                                           passes_flops(pass, &out->attack)) +
                   (double)plan->dataset.validation.count *
                       (pass->forward + passes_flops(pass, &out->judgement)));
  out->rank_bytes = blocks * sizeof(float) * ag_network_floats(network);
cleanup:
  return status;
}

/* Bytes of a rank with one thread, which has another network besides where an attack sees one. */
static size_t rank_bytes(const ag_job *job, const cost *costs, size_t defense)
{
  const cost *own = &costs[defense];
  size_t most = larger(own->training_bytes, own->attack_bytes);
  for (size_t i = 0; i < job->attack_count; ++i) {
    const size_t source = ag_job_source(job, i);
    if (source == SIZE_MAX || source == defense) continue;
    most = larger(most, own->attack_bytes + costs[source].source_bytes);
  }
  return own->rank_bytes + most;
}

/* Builds the defense's network for as long as it takes to ask it. */
static ag_status measure(const ag_plan *plan, const ag_entry *defense, cost *out)
{
  ag_status status = AG_OK;
  const ag_job *job = plan->job;
  const ag_settings *training = &job->training.settings;
  const size_t shard = ag_settings_count(training, "shard");
  ag_network *network = NULL;
  AG_TRY(ag_defense_layers(defense, &job->model, plan->dataset.classes, &out->layers));
  out->layers.kernels = ag_kernel_choice_of(&job->kernels);
  AG_TRY(ag_plan_network(plan, &out->layers, &network));
  AG_TRY(ag_defense_check(defense, network, plan->dataset.training.count));
  out->pass = ag_network_flops(network);
  AG_TRY(ag_details_plan(job, &plan->dataset, defense, network, &out->details));
  if (!ag_settings_has(&defense->settings, "file")) {
    AG_TRY(measure_training(plan, defense, network, out));
  }
  for (size_t i = 0; i < job->attack_count; ++i) {
    const size_t bytes = ag_evaluator_bytes(defense, network, &job->attacks[i], shard);
    out->attack_bytes = larger(out->attack_bytes, bytes);
  }
  out->rank_bytes += ag_network_bytes(network) + ag_details_rank_bytes(job, &out->details);
  out->source_bytes = ag_network_bytes(network) + ag_defended_bytes(defense, network, shard);
cleanup:
  ag_network_destroy(&network);
  if (status == AG_INVALID_ARGUMENT) status = ag_fail(AG_BAD_JOB, "%s", ag_message());
  return status == AG_OK ? status : ag_fail_within(status, "defense '%s'", defense->name);
}

static ag_status make_models(ag_plan *plan, const cost *costs, const ag_inputs *inputs)
{
  const ag_job *job = plan->job;
  for (size_t i = 0; i < plan->model_count; ++i) {
    ag_model_unit *model = &plan->models[i];
    model->defense = i / job->seed_count;
    model->seed = i % job->seed_count;
    ag_model_name(job, model->defense, model->seed, model->name);
    model->layers = costs[model->defense].layers;
    model->from_file = ag_settings_has(&job->defenses[model->defense].settings, "file");
    model->flops = costs[model->defense].training;
    model->pass = costs[model->defense].pass;
    model->learning = costs[model->defense].learning;
    model->attack = costs[model->defense].attack;
    model->judgement = costs[model->defense].judgement;
    model->sums = costs[model->defense].sums;
    model->details = costs[model->defense].details;
    plan->training_flops += model->flops;
    plan->rank_bytes = larger(plan->rank_bytes, rank_bytes(job, costs, model->defense));
    const ag_status status = ag_key_of_model(job, inputs, model->defense, model->seed, &model->key);
    if (status != AG_OK) return status;
  }
  return AG_OK;
}

/* What one image takes at most: the attack's passes over the model that it sees, and the clean and
 * the final judgement; for a certificate single draws alone. */
static void set_passes(const ag_plan *plan, ag_point *point)
{
  const ag_job *job = plan->job;
  const ag_entry *attack = &job->attacks[point->attack];
  const ag_attack_cost each = ag_attack_of(attack)->cost(&attack->settings);
  const size_t defense = plan->models[point->model].defense;
  const size_t source = plan->models[point->source].defense;
  const size_t draws = ag_defense_draws(&job->defenses[source]).attack;
  ag_attack_cost *seen = source == defense ? &point->passes : &point->source_passes;
  if (ag_attack_of(attack)->finds == AG_FINDS_RADIUS) {
    *seen = each;
    return;
  }
  point->passes.forwards = 2 * ag_defense_draws(&job->defenses[defense]).verdict;
  seen->gradients += draws * each.gradients;
  seen->forwards += draws * each.forwards;
}

static double point_flops(const ag_plan *plan, const ag_point *point)
{
  const ag_attack_cost *own = &point->passes;
  const ag_attack_cost *other = &point->source_passes;
  const ag_passes by_model = {(double)own->gradients, (double)own->forwards};
  const ag_passes by_source = {(double)other->gradients, (double)other->forwards};
  return passes_flops(&plan->models[point->model].pass, &by_model) +
         passes_flops(&plan->models[point->source].pass, &by_source);
}

static ag_status make_units(ag_plan *plan, const ag_point *point, const ag_digest *attacked)
{
  const double flops = point_flops(plan, point);
  const size_t images = ag_settings_count(&plan->job->evaluation, "images");
  const size_t block = ag_settings_count(&plan->job->evaluation, "block");
  for (size_t i = 0; i < point->unit_count; ++i) {
    ag_unit *unit = &plan->units[point->first_unit + i];
    unit->point = (size_t)(point - plan->points);
    unit->first = i * block;
    unit->count = images - unit->first < block ? images - unit->first : block;
    unit->flops = (double)unit->count * flops;
    plan->attack_flops += unit->flops;
    const ag_status status = ag_key_of_images(attacked, unit->first, unit->count, &unit->key);
    if (status != AG_OK) return status;
  }
  return AG_OK;
}

/* Points of an attack that takes no epsilon have keys of their own, since each has another row, but
 * the units of the first. *next_unit: behind those that are made; moved on. */
static ag_status make_point(ag_plan *plan, const ag_inputs *inputs, size_t blocks, ag_point *point,
                            size_t *next_unit)
{
  ag_status status = AG_OK;
  const ag_job *job = plan->job;
  const ag_model_unit *model = &plan->models[point->model];
  const ag_model_unit *source = &plan->models[point->source];
  const ag_epsilon *epsilon = &job->epsilons[point->epsilon];
  const bool takes_epsilon = ag_attack_takes_epsilon(&job->attacks[point->attack]);
  const size_t images = ag_settings_count(&job->evaluation, "images");
  ag_digest attacked;
  AG_TRY(ag_key_of_attack(job, inputs, model, source, point->attack, epsilon, &attacked));
  AG_TRY(ag_key_of_images(&attacked, 0, images, &point->key));
  set_passes(plan, point);
  point->unit_count = blocks;
  if (!takes_epsilon && point->epsilon > 0) {
    point->first_unit = *next_unit - blocks;
    return AG_OK;
  }
  point->first_unit = *next_unit;
  *next_unit += blocks;
  if (!takes_epsilon) {
    AG_TRY(ag_key_of_attack(job, inputs, model, source, point->attack, NULL, &attacked));
  }
  AG_TRY(make_units(plan, point, &attacked));
cleanup:
  return status;
}

/* The model of the same seed that the attack on a model sees. */
static size_t source_of(const ag_plan *plan, size_t model, size_t attack)
{
  const size_t source = ag_job_source(plan->job, attack);
  if (source == SIZE_MAX) return model;
  return source * plan->job->seed_count + plan->models[model].seed;
}

static ag_status make_points(ag_plan *plan, const ag_inputs *inputs, size_t blocks)
{
  ag_status status = AG_OK;
  const ag_job *job = plan->job;
  ag_point *point = plan->points;
  size_t next_unit = 0;
  for (size_t model = 0; model < plan->model_count; ++model) {
    for (size_t attack = 0; attack < job->attack_count; ++attack) {
      for (size_t epsilon = 0; epsilon < job->epsilon_count; ++epsilon) {
        *point = (ag_point){.model = model,
                            .attack = attack,
                            .epsilon = epsilon,
                            .source = source_of(plan, model, attack)};
        AG_TRY(make_point(plan, inputs, blocks, point++, &next_unit));
      }
    }
  }
cleanup:
  return status;
}

static ag_status expand(ag_plan *plan, const ag_inputs *inputs)
{
  ag_status status = AG_OK;
  const ag_job *job = plan->job;
  cost *costs = NULL;
  size_t blocks = 0;
  AG_TRY(ag_dataset_describe(&job->dataset, &plan->dataset, &plan->dataset_bytes));
  AG_TRY(count_parts(job, plan, &blocks));
  AG_TRY(ag_allocate(job->defense_count, sizeof *costs, &costs));
  for (size_t i = 0; i < job->defense_count; ++i)
    AG_TRY(measure(plan, &job->defenses[i], &costs[i]));
  AG_TRY(ag_allocate(plan->model_count, sizeof *plan->models, &plan->models));
  AG_TRY(ag_allocate(plan->point_count, sizeof *plan->points, &plan->points));
  AG_TRY(ag_allocate(plan->unit_count, sizeof *plan->units, &plan->units));
  AG_TRY(make_models(plan, costs, inputs));
  AG_TRY(make_points(plan, inputs, blocks));
cleanup:
  ag_release(&costs);
  return status;
}

ag_status ag_plan_create(const ag_job *job, const ag_inputs *inputs, ag_plan **plan)
{
  ag_status status = AG_OK;
  AG_TRY(ag_allocate(1, sizeof **plan, plan));
  (*plan)->job = job;
  AG_TRY(expand(*plan, inputs));
cleanup:
  if (status != AG_OK) ag_plan_destroy(plan);
  return status;
}

void ag_plan_destroy(ag_plan **plan)
{
  if (*plan == NULL) return;
  ag_release(&(*plan)->models);
  ag_release(&(*plan)->points);
  ag_release(&(*plan)->units);
  ag_release(plan);
}
