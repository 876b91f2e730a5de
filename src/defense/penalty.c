/* A penalty on parameters: the logarithms of the Lipschitz bounds of convolutions (see
 * defense/toeplitz.h) and of batch normalisations, and its gradient. */
#include "defense/bounds.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Of one layer. */
typedef struct term {
  const ag_parameter *weight, *variance; /* variance: of a batch normalisation; else NULL */
  ag_toeplitz kernel;                    /* of a convolution, as what follows */
  ag_toeplitz_peak *peaks;
  double *waves;
  float *coefficients;
  size_t largest; /* of a batch normalisation: the channel that decides */
  double bound;
} term;

/* A block of a convolution's channels, with scratch memory of its own. */
typedef struct part {
  const term *of;
  size_t block;
  double *scratch;
} part;

struct ag_penalty {
  ag_penalty_wish wish;
  const ag_network *network;
  size_t term_count, part_count;
  term terms[AG_LAYERS_MAXIMUM];
  part *parts;
};

/* ---- what is penalised ---- */

static bool is_kind(const ag_network *network, size_t layer, const char *kind)
{
  return strcmp(ag_network_layer_description(network, layer)->kind, kind) == 0;
}

ag_status ag_penalty_check(const ag_penalty_wish *wish, const ag_network *network)
{
  bool found = false;
  for (size_t layer = 0; layer < ag_network_layer_count(network); ++layer) {
    if (!is_kind(network, layer, "convolution")) continue;
    const size_t size = ag_network_layer_description(network, layer)->kernel;
    found = true;
    if (wish->samples < size) {
      return ag_fail(AG_BAD_JOB, "'samples' is %zu; expected at least %zu, the size of %s's kernel",
                     wish->samples, size, ag_network_layer_name(network, layer));
    }
  }
  return found ? AG_OK : ag_fail(AG_BAD_JOB, "the model has no convolution to bound");
}

/* ---- memory ---- */

static ag_status create_convolution(term *one, size_t samples, size_t *parts)
{
  ag_status status = AG_OK;
  one->kernel = ag_toeplitz_of(one->weight, samples);
  const ag_toeplitz *kernel = &one->kernel;
  AG_TRY(ag_allocate(ag_toeplitz_groups(kernel), sizeof *one->peaks, &one->peaks));
  AG_TRY(ag_allocate(ag_toeplitz_wave_doubles(kernel), sizeof(double), &one->waves));
  AG_TRY(ag_allocate(ag_toeplitz_coefficient_floats(kernel), sizeof(float), &one->coefficients));
  ag_toeplitz_waves(kernel, one->waves);
  *parts += ag_toeplitz_blocks(kernel);
cleanup:
  return status;
}

static ag_status create_terms(ag_penalty *self, size_t *parts)
{
  ag_status status = AG_OK;
  const ag_network *network = self->network;
  for (size_t layer = 0; layer < ag_network_layer_count(network); ++layer) {
    const size_t first = ag_network_layer_first_parameter(network, layer);
    term *one = &self->terms[self->term_count];
    if (is_kind(network, layer, "convolution")) {
      one->weight = ag_network_parameter(network, first);
      ++self->term_count;
      AG_TRY(create_convolution(one, self->wish.samples, parts));
    } else if (is_kind(network, layer, "batch-normalisation")) {
      one->weight = ag_network_parameter(network, first);
      one->variance = ag_network_parameter(network, first + 3);
      ++self->term_count;
    }
  }
cleanup:
  return status;
}

static ag_status create_parts(ag_penalty *self, size_t count)
{
  ag_status status = AG_OK;
  AG_TRY(ag_allocate(count, sizeof *self->parts, &self->parts));
  for (size_t i = 0; i < self->term_count; ++i) {
    const term *one = &self->terms[i];
    if (one->variance != NULL) continue;
    for (size_t block = 0; block < ag_toeplitz_blocks(&one->kernel); ++block) {
      part *next = &self->parts[self->part_count++];
      *next = (part){.of = one, .block = block};
      AG_TRY(ag_allocate(ag_toeplitz_scratch(&one->kernel), sizeof(double), &next->scratch));
    }
  }
cleanup:
  return status;
}

ag_status ag_penalty_create(const ag_penalty_wish *wish, const ag_network *network,
                            ag_penalty **out)
{
  ag_status status = AG_OK;
  ag_penalty *self = NULL;
  size_t parts = 0;
  *out = NULL;
  AG_TRY(ag_penalty_check(wish, network));
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  self->wish = *wish;
  self->network = network;
  AG_TRY(create_terms(self, &parts));
  AG_TRY(create_parts(self, parts));
cleanup:
  if (status != AG_OK) ag_penalty_destroy(out);
  return status;
}

void ag_penalty_destroy(ag_penalty **out)
{
  ag_penalty *self = *out;
  if (self == NULL) return;
  for (size_t i = 0; i < self->part_count; ++i)
    ag_release(&self->parts[i].scratch);
  ag_release(&self->parts);
  for (size_t i = 0; i < self->term_count; ++i) {
    ag_release(&self->terms[i].coefficients);
    ag_release(&self->terms[i].waves);
    ag_release(&self->terms[i].peaks);
  }
  ag_release(out);
}

/* ---- once for each state of the parameters ---- */

size_t ag_penalty_parts(const ag_penalty *self)
{
  return self->part_count;
}

void ag_penalty_measure(const ag_penalty *self, size_t index)
{
  const part *one = &self->parts[index];
  const term *of = one->of;
  ag_toeplitz_peaks(&of->kernel, of->waves, ag_network_values(self->network) + of->weight->offset,
                    one->block, one->scratch, of->peaks);
}

static void settle_convolution(const ag_penalty_wish *wish, term *one)
{
  const double total = ag_toeplitz_total(&one->kernel, one->peaks);
  /* d log(sqrt(total)) = d total / (2 total); a kernel of zeros is left alone. */
  const double factor = total > 0 ? wish->weight / (2 * total) : 0;
  one->bound = ag_toeplitz_bound(&one->kernel, total);
  ag_toeplitz_coefficients(&one->kernel, one->waves, one->peaks, factor, one->coefficients);
}

void ag_penalty_settle(ag_penalty *self)
{
  for (size_t i = 0; i < self->term_count; ++i) {
    term *one = &self->terms[i];
    if (one->variance == NULL) {
      settle_convolution(&self->wish, one);
    } else {
      one->bound = ag_norm_bound(one->weight, one->variance, ag_network_values(self->network),
                                 &one->largest);
    }
  }
}

double ag_penalty_value(const ag_penalty *self)
{
  double sum = 0;
  for (size_t i = 0; i < self->term_count; ++i)
    sum += log(self->terms[i].bound);
  return self->wish.weight * sum;
}

/* ---- the gradient ---- */

/* Of log |gamma| - log sqrt(variance + epsilon), the variance being a statistic. */
static void add_norm(const ag_penalty *self, const term *one, size_t first, size_t floats,
                     float *gradient)
{
  const double gamma = (double)ag_network_values(self->network)[one->weight->offset + one->largest];
  if (gamma == 0 || one->largest < first || one->largest >= first + floats) return;
  gradient[one->largest - first] += (float)(self->wish.weight / gamma);
}

void ag_penalty_add(const ag_penalty *self, size_t offset, size_t floats, float *gradient)
{
  for (size_t i = 0; i < self->term_count; ++i) {
    const term *one = &self->terms[i];
    const ag_parameter *weight = one->weight;
    if (offset < weight->offset || offset >= weight->offset + weight->floats) continue;
    const size_t first = offset - weight->offset;
    assert(first + floats <= weight->floats);
    if (one->variance != NULL) {
      add_norm(self, one, first, floats, gradient);
    } else {
      ag_toeplitz_add_gradient(&one->kernel, one->coefficients,
                               ag_network_values(self->network) + weight->offset, first, floats,
                               gradient);
    }
  }
}
