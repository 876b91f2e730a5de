/* From the options of `evaluation:` to what the images of each model bring home. */
#include "plan/details.h"
#include "plan/job.h"

#include <stdio.h>
#include <string.h>

/* A report's size is an int to MPI, and a rank has several on their way. */
enum { UNIT_MEBIBYTES = 128, REPORTS = 5 };

/* All that a job may not ask for otherwise: it comes with the defense. */
static void plan_verdicts(const ag_entry *defense, const ag_network *network, ag_details_form *form)
{
  ag_neighbours_wish wish;
  if (ag_defense_neighbours(defense, &wish)) {
    form->kinds[AG_DETAIL_DISTANCE].images = SIZE_MAX;
    form->kinds[AG_DETAIL_DISTANCE].bytes = sizeof(float);
  }
  if (!ag_network_is_random(network)) return;
  form->draws = ag_defense_draws(defense).verdict;
  form->kinds[AG_DETAIL_DRAWS].images = SIZE_MAX;
  form->kinds[AG_DETAIL_DRAWS].bytes = ag_divide_up(form->draws, 8);
}

static size_t initial_examples(void)
{
  ag_settings initial;
  ag_settings_start(&initial, ag_evaluation_options);
  return ag_settings_count(&initial, "examples");
}

/* Four pictures came when results were stored already: work from before has none, and is done all
 * the same where the job does not ask for another number. */
static void plan_examples(const ag_job *job, const ag_dataset *dataset, ag_details_form *form)
{
  static const ag_detail kinds[] = {AG_DETAIL_PIXELS, AG_DETAIL_PROBABILITIES};
  const size_t examples = ag_settings_count(&job->evaluation, "examples");
  const ag_shape shape = dataset->shape;
  const size_t floats[] = {shape.height * shape.width * shape.channels, dataset->classes};
  for (size_t i = 0; examples > 0 && i < sizeof kinds / sizeof *kinds; ++i) {
    form->kinds[kinds[i]].images = examples;
    form->kinds[kinds[i]].bytes = floats[i] * sizeof(float);
    form->kinds[kinds[i]].asked = examples != initial_examples();
  }
}

static ag_status plan_points(const ag_job *job, const ag_network *network, ag_details_form *form)
{
  ag_latent latent;
  const char *layer = ag_settings_word(&job->evaluation, "latent");
  if (layer[0] == '\0') return AG_OK;
  const ag_status status = ag_network_find_latent(network, layer, &latent);
  if (status != AG_OK) return ag_fail_within(status, "'latent'");
  snprintf(form->layer, sizeof form->layer, "%.*s", AG_NAME_SIZE - 1, layer);
  form->kinds[AG_DETAIL_POINT].images = ag_settings_count(&job->evaluation, "latent_images");
  form->kinds[AG_DETAIL_POINT].bytes = latent.shape.height * latent.shape.width *
                                       latent.shape.channels * sizeof(float);
  form->kinds[AG_DETAIL_POINT].asked = true;
  return AG_OK;
}

/* No unit has more of them than the first. */
static size_t largest_unit(const ag_job *job, const ag_details_form *form)
{
  const size_t images = ag_settings_count(&job->evaluation, "images");
  const size_t block = ag_settings_count(&job->evaluation, "block");
  return ag_details_bytes(&(ag_details){.form = form, .count = ag_minimum(images, block)});
}

ag_status ag_details_plan(const ag_job *job, const ag_dataset *dataset, const ag_entry *defense,
                          const ag_network *network, ag_details_form *form)
{
  *form = (ag_details_form){0};
  plan_verdicts(defense, network, form);
  plan_examples(job, dataset, form);
  const ag_status status = plan_points(job, network, form);
  if (status != AG_OK) return status;
  const size_t bytes = largest_unit(job, form);
  if (bytes <= (size_t)UNIT_MEBIBYTES << 20) return AG_OK;
  return ag_fail(AG_BAD_JOB,
                 "examples, latent points and draws of a block of images take %zu MiB; expected at "
                 "most %d: a smaller 'block', fewer 'latent_images' or 'examples', or a 'latent' "
                 "layer of fewer values",
                 bytes >> 20, UNIT_MEBIBYTES);
}

ag_status ag_details_check(const ag_job *job, const ag_dataset *dataset)
{
  ag_status status = AG_OK;
  ag_network *network = NULL;
  if (!ag_settings_has(&job->evaluation, "latent") &&
      ag_settings_count(&job->evaluation, "examples") == initial_examples()) {
    return AG_OK;
  }
  for (size_t i = 0; i < job->defense_count && status == AG_OK; ++i) {
    const ag_entry *defense = &job->defenses[i];
    ag_layer_list layers;
    ag_details_form form;
    status = ag_defense_layers(defense, &job->model, dataset->classes, &layers);
    if (status == AG_OK) {
      status = ag_network_create(&layers, dataset->shape, dataset->classes, &network);
    }
    if (status == AG_OK) status = ag_details_plan(job, dataset, defense, network, &form);
    if (status != AG_OK) status = ag_fail_within(status, "defense '%s'", defense->name);
    ag_network_destroy(&network);
  }
  return status;
}

size_t ag_details_rank_bytes(const ag_job *job, const ag_details_form *form)
{
  return REPORTS * largest_unit(job, form);
}

const ag_details_form *ag_plan_details(const ag_plan *plan, const ag_point *point)
{
  static const ag_details_form none = {0};
  const ag_attack *attack = ag_attack_of(&plan->job->attacks[point->attack]);
  return attack->finds == AG_FINDS_RADIUS ? &none : &plan->models[point->model].details;
}
