/* Named architectures: a table, each row a function that lists its layers. */
#include "advgrid/network.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

typedef struct architecture {
  ag_kind kind;
  ag_status (*list)(const ag_settings *settings, size_t classes, ag_layer_list *layers);
} architecture;

/* Appends a layer whose name is its kind's short word and a number. */
static ag_status append(ag_layer_list *layers, const char *word, size_t number,
                        ag_layer_description layer)
{
  if (number == 0) {
    snprintf(layer.name, sizeof layer.name, "%s", word);
  } else {
    snprintf(layer.name, sizeof layer.name, "%s%zu", word, number);
  }
  return ag_layer_list_append(layers, &layer);
}

static ag_status append_normalize(ag_layer_list *layers)
{
  return append(layers, "normalize", 0, (ag_layer_description){.kind = "normalize"});
}

/* Convolution 3x3 that keeps the size, batch normalisation where asked, and ReLU. */
static ag_status append_convolution(ag_layer_list *layers, size_t number, size_t channels,
                                    bool normalised)
{
  ag_status status = AG_OK;
  AG_TRY(append(
      layers, "conv", number,
      (ag_layer_description){
          .kind = "convolution", .channels = channels, .kernel = 3, .stride = 1, .padding = 1}));
  if (normalised) {
    AG_TRY(append(layers, "norm", number, (ag_layer_description){.kind = "batch-normalisation"}));
  }
  AG_TRY(append(layers, "relu", number, (ag_layer_description){.kind = "relu"}));
cleanup:
  return status;
}

static ag_status append_pooling(ag_layer_list *layers, size_t number)
{
  return append(layers, "pool", number,
                (ag_layer_description){.kind = "max-pooling", .kernel = 2, .stride = 2});
}

static ag_status append_dense(ag_layer_list *layers, size_t number, size_t outputs, double gain)
{
  return append(layers, "dense", number,
                (ag_layer_description){.kind = "dense", .channels = outputs, .gain = gain});
}

/* Convolutions with a pooling layer behind every second one. */
static ag_status append_convolutions(ag_layer_list *layers, const size_t *channels, size_t count,
                                     bool normalised)
{
  ag_status status = AG_OK;
  for (size_t i = 0; i < count; ++i) {
    AG_TRY(append_convolution(layers, i + 1, channels[i], normalised));
    if (i % 2 == 1) AG_TRY(append_pooling(layers, i / 2 + 1));
  }
cleanup:
  return status;
}

/* ---- base: the network of the paper, about 3.2 million parameters ---- */

static const ag_option base_options[] = {
    {.name = "dropout",
     .type = AG_OPTION_NUMBER,
     .initial = "0.1",
     .minimum = 0,
     .maximum = 0.9,
     .help = "probability with which a dense layer's input is dropped in training"},
    {0},
};

static ag_status list_six_convolutions(const ag_settings *settings, size_t classes, bool normalised,
                                       ag_layer_list *layers)
{
  static const size_t channels[] = {32, 64, 128, 128, 256, 256};
  ag_status status = AG_OK;
  ag_layer_description dropout = {.kind = "dropout",
                                  .strength = ag_settings_number(settings, "dropout")};
  AG_TRY(append_normalize(layers));
  AG_TRY(append_convolutions(layers, channels, sizeof channels / sizeof *channels, normalised));
  AG_TRY(append(layers, "dropout", 1, dropout));
  AG_TRY(append_dense(layers, 1, 512, 1));
  AG_TRY(append(layers, "relu", 7, (ag_layer_description){.kind = "relu"}));
  AG_TRY(append(layers, "dropout", 2, dropout));
  /* A small last layer: the first logits are near zero, whatever lies in front. */
  AG_TRY(append_dense(layers, 2, classes, 0.25));
cleanup:
  return status;
}

static ag_status list_base(const ag_settings *settings, size_t classes, ag_layer_list *layers)
{
  return list_six_convolutions(settings, classes, false, layers);
}

/* ---- base-norm: the same with batch normalisation, which learns faster and further ---- */

static ag_status list_base_norm(const ag_settings *settings, size_t classes, ag_layer_list *layers)
{
  return list_six_convolutions(settings, classes, true, layers);
}

/* ---- small: two convolutions, for tests and first tries ---- */

static ag_status list_small(const ag_settings *settings, size_t classes, ag_layer_list *layers)
{
  ag_status status = AG_OK;
  (void)settings;
  AG_TRY(append_normalize(layers));
  AG_TRY(append_convolution(layers, 1, 8, false));
  AG_TRY(append_pooling(layers, 1));
  AG_TRY(append_convolution(layers, 2, 16, false));
  AG_TRY(append_pooling(layers, 2));
  AG_TRY(append_dense(layers, 1, classes, 0.5));
cleanup:
  return status;
}

/* ---- linear: one dense layer on the pixels, the floor of what a network should reach ---- */

static ag_status list_linear(const ag_settings *settings, size_t classes, ag_layer_list *layers)
{
  (void)settings;
  const ag_status status = append_normalize(layers);
  return status != AG_OK ? status : append_dense(layers, 1, classes, 0.1);
}

/* ---- the table ---- */

static const architecture rows[] = {
    {{"base", "six convolutions of 32 to 256 channels and two dense layers", base_options},
     list_base},
    {{"base-norm", "base with batch normalisation behind every convolution", base_options},
     list_base_norm},
    {{"small", "two convolutions of 8 and 16 channels and one dense layer", NULL}, list_small},
    {{"linear", "one dense layer on the pixels", NULL}, list_linear},
};
enum { ROWS = sizeof rows / sizeof *rows };

const ag_kind *ag_architecture_table(size_t index)
{
  return index < ROWS ? &rows[index].kind : NULL;
}

ag_status ag_architecture_layers(const ag_entry *model, size_t classes, ag_layer_list *layers)
{
  memset(layers, 0, sizeof *layers);
  for (size_t i = 0; i < ROWS; ++i) {
    if (model->kind == &rows[i].kind) return rows[i].list(&model->settings, classes, layers);
  }
  assert(!"a model entry whose kind is not of this table");
  return AG_INVALID_ARGUMENT;
}
