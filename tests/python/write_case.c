/* Writes what check_attacks.py compares with PyTorch: write_case FOLDER makes base.h5, base-norm.h5
 * and small.h5, models trained for some steps on synthetic images, and case.h5 with test images,
 * logits, and what FGSM and PGD did to each image. */
#include "network/hdf5_support.h"

#include <stdio.h>
#include <string.h>

#include "advgrid/evaluation.h"
#include "advgrid/training.h"

enum { SHARD = 32, CLASSES = 10 };

/* A network under one defense, `none`, with the images it is trained and judged on. */
typedef struct subject {
  const char *name; /* the architecture's */
  size_t steps, batch, images;
  double rate;
  ag_network *network;
} subject;

static const ag_kind *kind_of(ag_kind_table table, const char *name)
{
  const ag_kind *kind = ag_kind_find(table, name);
  if (kind == NULL) ag_fail(AG_INVALID_ARGUMENT, "there is no %s", name);
  return kind;
}

static ag_status make_dataset(ag_dataset *dataset, char **block)
{
  ag_status status = AG_OK;
  ag_entry entry;
  size_t bytes = 0;
  ag_entry_start(&entry, kind_of(ag_dataset_table, "synthetic"));
  AG_TRY(ag_settings_set(&entry.settings, "training_images", "4001"));
  AG_TRY(ag_settings_set(&entry.settings, "validation_images", "1"));
  AG_TRY(ag_settings_set(&entry.settings, "test_images", "256"));
  AG_TRY(ag_dataset_describe(&entry, dataset, &bytes));
  AG_TRY(ag_allocate(bytes, 1, block));
  AG_TRY(ag_dataset_load(&entry, NULL, *block));
  ag_dataset_attach(dataset, *block);
cleanup:
  return status;
}

static ag_status make_network(const ag_dataset *dataset, subject *what)
{
  ag_status status = AG_OK;
  ag_entry model;
  ag_layer_list layers;
  float mean[3], deviation[3];
  ag_entry_start(&model, kind_of(ag_architecture_table, what->name));
  AG_TRY(ag_architecture_layers(&model, CLASSES, &layers));
  AG_TRY(ag_network_create(&layers, dataset->shape, CLASSES, &what->network));
  ag_dataset_statistics(dataset, mean, deviation);
  ag_network_initialise(what->network, 1, mean, deviation);
cleanup:
  return status;
}

/* Arrays that training needs besides the network. */
typedef struct trainer {
  ag_workspace *workspace;
  float *pixels, *dlogits, *gradients, *velocity;
  uint8_t *labels;
  uint32_t *samples;
} trainer;

static ag_status make_trainer(const subject *what, trainer *with)
{
  ag_status status = AG_OK;
  const size_t floats = ag_network_floats(what->network);
  const size_t image = ag_shape_floats(ag_network_input(what->network));
  AG_TRY(ag_workspace_create(what->network, what->batch, &with->workspace));
  AG_TRY(ag_allocate(what->batch * image, sizeof(float), &with->pixels));
  AG_TRY(ag_allocate(what->batch * ag_network_logit_stride(what->network), sizeof(float),
                     &with->dlogits));
  AG_TRY(ag_allocate(floats, sizeof(float), &with->gradients));
  AG_TRY(ag_allocate(floats, sizeof(float), &with->velocity));
  AG_TRY(ag_allocate(what->batch, 1, &with->labels));
  AG_TRY(ag_allocate(what->batch, sizeof(uint32_t), &with->samples));
cleanup:
  return status;
}

static void clear_trainer(trainer *with)
{
  ag_workspace_destroy(&with->workspace);
  ag_release(&with->pixels);
  ag_release(&with->dlogits);
  ag_release(&with->gradients);
  ag_release(&with->velocity);
  ag_release(&with->labels);
  ag_release(&with->samples);
}

static void make_step(const ag_entry *optimizer, const subject *what, const trainer *with)
{
  for (size_t p = 0; p < ag_network_parameter_count(what->network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(what->network, p);
    if (parameter->averaged) {
      ag_statistics_step(what->batch, parameter->floats, with->gradients + parameter->offset,
                         ag_network_block(what->network) + parameter->offset);
    }
    if (!parameter->trained) continue;
    ag_optimizer_step(optimizer, what->rate, 1, parameter->decayed, parameter->floats,
                      with->gradients + parameter->offset,
                      ag_network_block(what->network) + parameter->offset,
                      with->velocity + parameter->offset);
  }
}

static ag_status train(const ag_dataset *dataset, subject *what)
{
  ag_status status = AG_OK;
  trainer with = {0};
  ag_entry optimizer;
  const size_t floats = ag_network_floats(what->network);
  const size_t stride = ag_network_logit_stride(what->network);
  ag_entry_start(&optimizer, kind_of(ag_optimizer_table, "sgd"));
  AG_TRY(make_trainer(what, &with));
  ag_network_prepare(what->network, true, NULL);
  for (size_t step = 0; step < what->steps; ++step) {
    const size_t first = step * what->batch % dataset->training.count;
    const ag_pass pass = {
        .training = true, .seed = 1, .step = (uint32_t)step, .samples = with.samples};
    for (size_t i = 0; i < what->batch; ++i)
      with.samples[i] = (uint32_t)(first + i);
    for (size_t i = 0; i < floats; ++i)
      with.gradients[i] = 0;
    ag_shard_fill(&dataset->training, dataset->shape, NULL, first, what->batch, with.pixels,
                  with.labels);
    const float *logits =
        ag_network_forward(what->network, with.workspace, &pass, with.pixels, what->batch);
    ag_cross_entropy(what->batch, CLASSES, stride, logits, with.labels, 1.0F / (float)what->batch,
                     NULL, with.dlogits);
    ag_network_backward(what->network, with.workspace, with.dlogits, with.gradients, NULL);
    make_step(&optimizer, what, &with);
    ag_network_prepare(what->network, true, NULL);
  }
  ag_network_prepare(what->network, false, NULL);
cleanup:
  clear_trainer(&with);
  return status;
}

/* ---- what goes into case.h5 ------------------------------------------------------------ */

static ag_status write_floats(hid_t file, const char *group, const char *name, size_t rows,
                              size_t columns, const float *values)
{
  char path[AG_PATH_SIZE];
  const ag_hdf5_array array = {.name = path,
                               .file_type = H5T_IEEE_F32LE,
                               .memory_type = H5T_NATIVE_FLOAT,
                               .rank = columns == 1 ? 1 : 2,
                               .dimensions = {rows, columns},
                               .values = values};
  const ag_status status = ag_path_join(path, sizeof path, "%s/%s", group, name);
  return status == AG_OK ? ag_hdf5_write_array(file, &array) : status;
}

/* The first test images as PyTorch takes them, [count, channels * height * width] in that order,
 * their labels, and their logits without padding. */
static ag_status write_images(hid_t file, const ag_dataset *dataset, const subject *what)
{
  ag_status status = AG_OK;
  trainer with = {0};
  subject all = *what;
  float *images = NULL;
  float *rest = NULL; /* logits, then labels */
  const size_t n = what->images;
  const size_t pixels = dataset->shape.height * dataset->shape.width;
  const size_t channels = dataset->shape.channels;
  const size_t stride = ag_network_logit_stride(what->network);
  all.batch = n;
  AG_TRY(make_trainer(&all, &with));
  AG_TRY(ag_allocate(n * pixels * channels, sizeof(float), &images));
  AG_TRY(ag_allocate(n * (CLASSES + 1), sizeof(float), &rest));
  ag_shard_fill(&dataset->test, dataset->shape, NULL, 0, n, with.pixels, with.labels);
  const ag_pass pass = {.samples = with.samples};
  const float *logits = ag_network_forward(what->network, with.workspace, &pass, with.pixels, n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < pixels * channels; ++j) {
      const size_t from = (i * pixels + j % pixels) * ag_channels_padded(channels) + j / pixels;
      images[i * pixels * channels + j] = with.pixels[from];
    }
    for (size_t c = 0; c < CLASSES; ++c)
      rest[i * CLASSES + c] = logits[i * stride + c];
    rest[n * CLASSES + i] = with.labels[i];
  }
  AG_TRY(write_floats(file, what->name, "images", n, pixels * channels, images));
  AG_TRY(write_floats(file, what->name, "logits", n, CLASSES, rest));
  AG_TRY(write_floats(file, what->name, "labels", n, 1, rest + n * CLASSES));
cleanup:
  ag_release(&rest);
  ag_release(&images);
  clear_trainer(&with);
  return status;
}

/* One attack at one epsilon: what came of each image. */
static ag_status write_outcomes(hid_t file, const char *group, const ag_outcome *outcomes,
                                size_t count, double epsilon)
{
  ag_status status = AG_OK;
  float *values = NULL;
  const float bound = (float)epsilon;
  AG_TRY(ag_allocate(count, 4 * sizeof(float), &values));
  for (size_t i = 0; i < count; ++i) {
    values[i] = outcomes[i].clean_margin;
    values[count + i] = outcomes[i].margin;
    values[2 * count + i] = outcomes[i].prediction;
    values[3 * count + i] = outcomes[i].linf;
  }
  AG_TRY(write_floats(file, group, "epsilon", 1, 1, &bound));
  AG_TRY(write_floats(file, group, "clean_margin", count, 1, values));
  AG_TRY(write_floats(file, group, "margin", count, 1, values + count));
  AG_TRY(write_floats(file, group, "prediction", count, 1, values + 2 * count));
  AG_TRY(write_floats(file, group, "linf", count, 1, values + 3 * count));
cleanup:
  ag_release(&values);
  return status;
}

static ag_status attack(hid_t file, const ag_dataset *dataset, const subject *what,
                        const char *name, double epsilon, size_t number)
{
  ag_status status = AG_OK;
  ag_evaluator *evaluator = NULL;
  ag_outcome *outcomes = NULL;
  ag_attack_cost cost = {0};
  ag_entry defense, entry;
  char group[AG_PATH_SIZE];
  ag_entry_start(&defense, kind_of(ag_defense_table, "none"));
  ag_entry_start(&entry, kind_of(ag_attack_table, name));
  if (strcmp(name, "pgd") == 0) {
    AG_TRY(ag_settings_set(&entry.settings, "steps", "10"));
    AG_TRY(ag_settings_set(&entry.settings, "random_start", "false"));
  }
  AG_TRY(ag_evaluator_create(&defense, what->network, NULL, &entry, SHARD, 1, &evaluator));
  AG_TRY(ag_allocate(what->images, sizeof *outcomes, &outcomes));
  for (size_t first = 0; first < what->images; first += SHARD) {
    const size_t left = what->images - first;
    AG_TRY(ag_evaluate_shard(evaluator, &dataset->test, first, left < SHARD ? left : SHARD, epsilon,
                             outcomes + first, &cost));
  }
  AG_TRY(ag_path_join(group, sizeof group, "%s/%s-%zu", what->name, name, number));
  AG_TRY(write_outcomes(file, group, outcomes, what->images, epsilon));
cleanup:
  ag_release(&outcomes);
  ag_evaluator_destroy(&evaluator);
  return status;
}

/* Makes and trains the network, and writes the model file. */
static ag_status prepare(const char *folder, const ag_dataset *dataset, subject *what)
{
  ag_status status = AG_OK;
  char path[AG_PATH_SIZE];
  AG_TRY(make_network(dataset, what));
  AG_TRY(train(dataset, what));
  AG_TRY(ag_path_join(path, sizeof path, "%s/%s.h5", folder, what->name));
  AG_TRY(ag_model_save(what->network, path, what->name, ""));
cleanup:
  return status;
}

static ag_status write_case(const char *folder)
{
  static const double epsilons[] = {2 / 255.0, 8 / 255.0};
  ag_status status = AG_OK;
  ag_dataset dataset;
  char *block = NULL;
  char path[AG_PATH_SIZE];
  hid_t file = H5I_INVALID_HID;
  subject all[] = {{.name = "base", .steps = 3, .batch = 16, .images = 16, .rate = 0.01},
                   {.name = "base-norm", .steps = 3, .batch = 16, .images = 16, .rate = 0.01},
                   {.name = "small", .steps = 250, .batch = 32, .images = 256, .rate = 0.02}};
  const subject *small = &all[2];
  AG_TRY(ag_path_join(path, sizeof path, "%s/case.h5", folder));
  AG_TRY(ag_hdf5_create(path, &file));
  AG_TRY(make_dataset(&dataset, &block));
  for (size_t i = 0; i < 3; ++i) {
    AG_TRY(prepare(folder, &dataset, &all[i]));
    AG_TRY(write_images(file, &dataset, &all[i]));
  }
  for (size_t i = 0; i < 2; ++i) {
    AG_TRY(attack(file, &dataset, small, "fgsm", epsilons[i], i));
    AG_TRY(attack(file, &dataset, small, "pgd", epsilons[i], i));
  }
  AG_TRY(ag_hdf5_save(file, path));
cleanup:
  ag_hdf5_close(&file, &status);
  for (size_t i = 0; i < 3; ++i)
    ag_network_destroy(&all[i].network);
  ag_release(&block);
  return status;
}

int main(int count, char **arguments)
{
  if (count != 2) {
    fprintf(stderr, "usage: write_case FOLDER\n");
    return 2;
  }
  if (ag_gemm_prepare(1) != AG_OK || write_case(arguments[1]) != AG_OK) {
    fprintf(stderr, "write_case: %s\n", ag_message());
    return 1;
  }
  return 0;
}
