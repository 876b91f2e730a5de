/* What training and attacking the models of a defense cost: FLOPs, messages, memory. */
#include "plan/cost.h"
#include "plan/details.h"
#include "plan/source.h"
#include "training/partition.h"

#include <math.h>

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

double ag_passes_flops(const ag_flops *pass, const ag_passes *passes)
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
static ag_status measure_adversary(const ag_plan *plan, const ag_adversarial *how,
                                   ag_model_cost *out)
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
                                  const ag_network *network, ag_model_cost *out)
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
                                                           ag_passes_flops(pass, &out->attack)) +
                   (double)plan->dataset.validation.count *
                       (pass->forward + ag_passes_flops(pass, &out->judgement)));
  out->rank_bytes = blocks * sizeof(float) * ag_network_floats(network);
cleanup:
  return status;
}

/* Bytes of a rank with one thread, which has another network besides where an attack sees one. */
size_t ag_model_cost_rank_bytes(const ag_job *job, const ag_model_cost *costs, size_t defense)
{
  const ag_model_cost *own = &costs[defense];
  size_t most = ag_maximum(own->training_bytes, own->attack_bytes);
  for (size_t i = 0; i < job->attack_count; ++i) {
    const size_t source = ag_job_source(job, i);
    if (source == SIZE_MAX || source == defense) continue;
    most = ag_maximum(most, own->attack_bytes + costs[source].source_bytes);
  }
  return own->rank_bytes + most;
}

/* Builds the defense's network for as long as it takes to ask it. */
ag_status ag_model_cost_measure(const ag_plan *plan, const ag_entry *defense, ag_model_cost *out)
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
    out->attack_bytes = ag_maximum(out->attack_bytes, bytes);
  }
  out->rank_bytes += ag_network_bytes(network) + ag_details_rank_bytes(job, &out->details);
  out->source_bytes = ag_network_bytes(network) + ag_defended_bytes(defense, network, shard);
cleanup:
  ag_network_destroy(&network);
  if (status == AG_INVALID_ARGUMENT) status = ag_fail(AG_BAD_JOB, "%s", ag_message());
  return status == AG_OK ? status : ag_fail_within(status, "defense '%s'", defense->name);
}
