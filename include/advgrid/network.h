/* advgrid/network.h: networks as a sequence of layers, and their model files.
 * A network owns one block of parameters. It is not changed by a pass: each thread brings a
 * workspace of its own, so any number of threads may take shards through one network. */
#ifndef ADVGRID_NETWORK_H
#define ADVGRID_NETWORK_H

#include "advgrid/base.h"
#include "advgrid/kernels.h"

/* The shape of one image or activation; channels without padding. */
typedef struct ag_shape {
  size_t height, width, channels;
} ag_shape;

/** Floats of one image of that shape in memory, channels padded. */
static inline size_t ag_shape_floats(ag_shape shape)
{
  return shape.height * shape.width * ag_channels_padded(shape.channels);
}

/* ---- describing a network ---------------------------------------------------- */

/* One layer as an architecture lists it; what a kind does not use stays 0. */
typedef struct ag_layer_description {
  const char *kind; /* static: "convolution", "relu", "max-pooling", ... */
  char name[AG_NAME_SIZE];
  size_t channels;                /* outputs of a convolution or a dense layer */
  size_t kernel, stride, padding; /* of a convolution or a pooling layer */
  double strength;                /* dropout: probability; gaussian-noise: deviation */
  double gain;                    /* scales He's initial deviation; 0 is taken as 1 */
} ag_layer_description;

/* Which kernels compute a network. Each word may be "auto", or empty, which is the same. */
typedef struct ag_kernel_choice {
  char instructions[16]; /* "avx512", "avx2", "baseline": see ag_variant_find */
  char convolution[16];  /* "winograd", "im2col": where a shape's support allows it */
} ag_kernel_choice;

/** The options of `kernels:`, an option for each word of the choice. */
extern const ag_option ag_kernel_options[];
/** The choice that settings of these options make. */
ag_kernel_choice ag_kernel_choice_of(const ag_settings *settings);
/** The instruction set that a choice comes to here; AG_INVALID_ARGUMENT, naming the best there is,
 *  where this processor does not run the one that is asked for. variant: static. */
ag_status ag_kernel_choice_variant(const ag_kernel_choice *choice, const ag_variant **variant);

enum { AG_LAYERS_MAXIMUM = 64 };

typedef struct ag_layer_list {
  size_t count;
  ag_layer_description layers[AG_LAYERS_MAXIMUM];
  ag_kernel_choice kernels;
} ag_layer_list;

/** Appends a layer; AG_INVALID_ARGUMENT where the list is full. */
ag_status ag_layer_list_append(ag_layer_list *list, const ag_layer_description *layer);
/** Inserts a layer behind the one named, or in front of the first, behind the `pixels`; fails with
 *  AG_BAD_JOB, naming the nearest layer, where there is none of that name. */
ag_status ag_layer_list_insert_after(ag_layer_list *list, const char *name,
                                     const ag_layer_description *layer);
/** The deviation of the Gaussian noise that a network adds to the pixels, by its first layer; 0
 *  where that is another one. */
double ag_pixel_noise(const ag_layer_description *first);

/** The architectures by name, for `model: {kind: ...}`. */
const ag_kind *ag_architecture_table(size_t index);
/** The layers of a model entry, the first of which normalises pixels. list: overwritten. */
ag_status ag_architecture_layers(const ag_entry *model, size_t classes, ag_layer_list *list);

/* ---- parameters ------------------------------------------------------------------ */

/* How a parameter is laid out in memory, and with it in a file:
 *   vector       [channels]                      -> [channels]
 *   convolution  [kernel, kernel, in, out]       -> [out, in, kernel, kernel]
 *   dense        [height, width, in, out]        -> [out, in * height * width], C H W order
 * In memory `in` and `out` are padded; in a file nothing is. */
typedef enum ag_layout { AG_LAYOUT_VECTOR, AG_LAYOUT_CONVOLUTION, AG_LAYOUT_DENSE } ag_layout;

/* What a model file may hold of a parameter, finite in any case. */
typedef enum ag_range { AG_RANGE_ANY, AG_RANGE_NOT_NEGATIVE, AG_RANGE_POSITIVE } ag_range;

typedef struct ag_parameter {
  char name[2 * AG_NAME_SIZE]; /* "conv1/weight" */
  ag_layout layout;
  size_t height, width, in, out; /* unpadded; a vector has 1, 1, 1, channels */
  size_t offset, floats;         /* its place in the network's block, padding included */
  bool trained;                  /* by its gradient */
  /* A statistic of the images trained on: its place in gradients receives the sum over images; see
   * ag_statistics_step. Neither trained nor averaged: a constant, such as a mean of pixels. */
  bool averaged;
  bool decayed; /* weight decay applies */
  ag_range range;
} ag_parameter;

/** Floats without padding. */
size_t ag_parameter_file_floats(const ag_parameter *parameter);
/** From the block to the file's order and back; import leaves the padding as it is. */
void ag_parameter_export(const ag_parameter *parameter, const float *block, float *file);
void ag_parameter_import(const ag_parameter *parameter, const float *file, float *block);

/* What a batch normalisation adds to variances; PyTorch's default. */
#define AG_BATCH_NORM_EPSILON 1e-5F

/* ---- the network ------------------------------------------------------------------- */

typedef struct ag_network ag_network;

/** Infers and checks every shape; parameters are zero, but deviations of pixels, and the weight and
 *  variance of a batch normalisation, 1. A convolution takes the ReLU and the 2x2 max pooling
 * behind it into its own pass, in evaluation the batch normalisation between too. list: copied.
 * Fails with AG_INVALID_ARGUMENT and the layer's name where a shape does not fit, or where this
 * processor does not run the kernels asked for. */
ag_status ag_network_create(const ag_layer_list *list, ag_shape input, size_t classes,
                            ag_network **network);
void ag_network_destroy(ag_network **network);

ag_shape ag_network_input(const ag_network *network);
size_t ag_network_classes(const ag_network *network);
/** Floats from one image's logits to the next: classes, padded. */
size_t ag_network_logit_stride(const ag_network *network);

/** All parameters, trained or not: one block, `ag_network_floats` long. To be changed: passes wait
 *  for ag_network_prepare then. */
float *ag_network_block(ag_network *network);
/** The same, to be read. */
const float *ag_network_values(const ag_network *network);
/** Makes what passes read out of the parameters, such as transformed weights: once after each
 *  change, for all threads, and for passes in training or in evaluation. pool: shares the work
 *  among its threads; NULL: the caller does it. */
void ag_network_prepare(ag_network *network, bool training, ag_pool *pool);
/** The same for training passes, layer by layer: ag_network_prepare_later promises that part 0 to
 *  parts - 1 of a layer are prepared, in any order and by any thread, before its forward pass. */
void ag_network_prepare_later(ag_network *network);
void ag_network_prepare_layer(const ag_network *network, size_t layer, size_t part, size_t parts);
size_t ag_network_floats(const ag_network *network);
size_t ag_network_parameter_count(const ag_network *network);
const ag_parameter *ag_network_parameter(const ag_network *network, size_t index);

/** SHA-256 of the block: the same for the same parameters of the same architecture. */
ag_status ag_network_digest(const ag_network *network, ag_digest *digest);

/** He et al. 2015 (arXiv:1502.01852): weights N(0, gain^2 * 2 / fan-in), biases 0; mean and
 *  deviation: [channels] of the pixels, for the normalising layer; a batch normalisation starts as
 *  ag_network_create has it. Depends on seed alone. Passes wait for ag_network_prepare then. */
void ag_network_initialise(ag_network *network, uint64_t seed, const float *mean,
                           const float *deviation);

/** Floating-point operations of one image: forward, and for the backward pass to the input
 *  and to the parameters. A multiply-add counts two. */
typedef struct ag_flops {
  double forward, input_gradient, weight_gradient;
} ag_flops;
ag_flops ag_network_flops(const ag_network *network);

/** Bytes of a network: parameters, and what passes read. */
size_t ag_network_bytes(const ag_network *network);

/** Layers as passes take them, what a convolution has taken in not counted; their names, and the
 *  kernel that computes each ("winograd", "im2col", or empty where there is one way only). */
size_t ag_network_layer_count(const ag_network *network);
const char *ag_network_layer_name(const ag_network *network, size_t index);
const char *ag_network_layer_kernel(const ag_network *network, size_t index);
/** What the layer was in the list that the network was made from; its shape where it is a
 *  convolution, NULL where it is none; its share of ag_network_flops. */
const ag_layer_description *ag_network_layer_description(const ag_network *network, size_t index);
const ag_convolution_shape *ag_network_layer_convolution(const ag_network *network, size_t index);
ag_flops ag_network_layer_flops(const ag_network *network, size_t index);
/** The number of a layer's first parameter; the layer's end where the next one's begin. index: up
 * to the number of layers. */
size_t ag_network_layer_first_parameter(const ag_network *network, size_t index);
/** The first layer whose parameters are trained: training computes no gradient of its input, and
 *  none below it. */
size_t ag_network_first_trained(const ag_network *network);
/** The instruction set of its kernels. */
const ag_variant *ag_network_variant(const ag_network *network);

/** True where two passes over one image may differ (a noise layer). */
bool ag_network_is_random(const ag_network *network);

/* ---- passes ---------------------------------------------------------------------------- */

typedef struct ag_workspace ag_workspace;

/** Memory for passes over at most `capacity` images (a shard); one thread at a time. */
ag_status ag_workspace_create(const ag_network *network, size_t capacity, ag_workspace **workspace);
void ag_workspace_destroy(ag_workspace **workspace);
size_t ag_workspace_bytes(const ag_network *network, size_t capacity);

/* Seconds that each layer took, in the network's order: all passes added up. A pass in evaluation
 * counts a convolution that took batch normalisation in at the last of the layers taken in. */
typedef struct ag_profile {
  double forward[AG_LAYERS_MAXIMUM], backward[AG_LAYERS_MAXIMUM];
} ag_profile;

/** Passes in this workspace add their seconds to the profile from now on (borrowed; it must outlive
 *  them). NULL, as it is at first: no clock is read. */
void ag_workspace_profile(ag_workspace *workspace, ag_profile *profile);

/* What a thread does between the layers of its passes; either may be NULL. Layers are numbered as
 * ag_network_layer_name numbers them. */
typedef struct ag_pass_events {
  void *context;
  /* Before the layer's forward pass: its weights are not read yet. */
  void (*forward)(void *context, size_t layer);
  /* Behind its backward pass: its gradients are added. */
  void (*backward)(void *context, size_t layer);
} ag_pass_events;

/** Passes in this workspace report from now on; events: copied, their context borrowed. */
void ag_workspace_listen(ag_workspace *workspace, const ag_pass_events *events);

/* A dense weight's gradient as the product that it is: x' dy, over `count` images. */
typedef struct ag_factors {
  size_t count, inputs, outputs; /* padded */
  const float *x, *dy;           /* [count, inputs], [count, outputs] */
} ag_factors;

/** Where a layer is dense: the two that its weight's gradient has in shape, padded; else zeros. */
ag_factors ag_network_layer_factors(const ag_network *network, size_t layer);
/** Training passes in this workspace leave the gradient of that dense layer's weight out. */
void ag_workspace_factor(ag_workspace *workspace, size_t layer);
/** In the backward event of a dense layer: its factors, borrowed until the event returns. */
ag_factors ag_workspace_factors(const ag_network *network, const ag_workspace *workspace,
                                size_t layer);

/* What a pass depends on besides images and parameters. */
typedef struct ag_pass {
  bool training; /* dropout is on in training alone, noise always */
  bool calm;     /* no dropout in training either; batch normalisation is as in any training pass */
  uint64_t seed;
  uint32_t step;           /* keys dropout and noise, with the sample: training step or draw */
  const uint32_t *samples; /* [count] the images' numbers in their dataset */
} ag_pass;

/** logits[count, logit stride] of images[count, input shape], channels padded. The network is
 *  prepared for such a pass (asserted). The result is borrowed from the workspace until its next
 *  forward pass. */
const float *ag_network_forward(const ag_network *network, ag_workspace *workspace,
                                const ag_pass *pass, const float *images, size_t count);

/** The backward pass of the last forward one, for dlogits[count, logit stride].
 *  gradients: the block's layout, to which this pass's are added, each complete before it is: so
 *  that sums over shards depend on the order of the shards alone. NULL: no weight gradient is
 *  computed, and so it must be in evaluation where there is batch normalisation (asserted).
 *  dimages: [count, input shape], overwritten; NULL: no gradient to the input is computed. */
void ag_network_backward(const ag_network *network, ag_workspace *workspace, const float *dlogits,
                         float *gradients, float *dimages);

/* ---- the latent space -------------------------------------------------------------------------
 */

/* What a layer hands on: behind a convolution that took them in its ReLU and pooling, and behind
 * any layer those that work in place (ReLU, noise, dropout). Plain value. */
typedef struct ag_latent {
  size_t layer;  /* as ag_network_layer_name numbers them */
  size_t floats; /* of an image, padding included, which is zero */
  ag_shape shape;
} ag_latent;

/** Finds the latent space behind the layer of that name. Fails with AG_BAD_JOB where there is none
 *  of the name, where it is the logits, and where a batch normalisation comes between, which
 *  evaluation computes together with the layer. */
ag_status ag_network_find_latent(const ag_network *network, const char *name, ag_latent *latent);

/** latent[count, floats] of the last forward pass, borrowed from the workspace until its next one.
 */
const float *ag_network_latent(const ag_workspace *workspace, const ag_latent *latent);

/** ag_network_backward where the loss depends on the latent space too; latent NULL: where it does
 *  not. dlatent[count, floats]: its gradient aside from what comes by the logits. dlogits NULL:
 * nothing comes by them, and layers behind the latent space are left out, which learn nothing then
 * (gradients is NULL, asserted). */
void ag_network_backward_latent(const ag_network *network, ag_workspace *workspace,
                                const float *dlogits, const ag_latent *latent, const float *dlatent,
                                float *gradients, float *dimages);

/* ---- model files ---------------------------------------------------------------------------- */

/** Writes parameters in the field's common layout (see ag_layout) to an HDF5 file, whole or not
 *  at all. architecture: text for the root attribute of that name; key: hexadecimal digest of what
 *  the model depends on, for the attribute `key`. Fails with AG_IO_ERROR or AG_HDF5_FAILED. */
ag_status ag_model_save(const ag_network *network, const char *path, const char *architecture,
                        const char *key);
/** Fills in the network's block. Names and shapes must be the network's and every value finite
 *  and in the parameter's range, else AG_BAD_MODEL with the file, the parameter and what was
 *  expected. key: receives the attribute, empty where there is none; may be NULL. Passes wait for
 *  ag_network_prepare then. */
ag_status ag_model_load(ag_network *network, const char *path, char key[AG_DIGEST_TEXT_SIZE]);

#endif
