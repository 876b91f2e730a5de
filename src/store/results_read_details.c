/* What a result file keeps of a point besides its row, under the point's key: its images' outcomes,
 * pictures, points of a latent space, distances, draws. All of it may be missing. */
#include "store/results_read.h"

#include <math.h>
#include <string.h>

enum { SIDE_MAXIMUM = 512 }; /* pixels of a picture's side */

/* The group part/KEY; *group < 0 where there is none. */
static ag_status open_group(const ag_results *results, const char *part, const char *key,
                            hid_t *group)
{
  char name[AG_PATH_SIZE];
  *group = H5I_INVALID_HID;
  if (key[0] == '\0' || strlen(key) >= AG_DIGEST_TEXT_SIZE || strchr(key, '/') != NULL ||
      H5Lexists(results->file, part, H5P_DEFAULT) <= 0) {
    return AG_OK;
  }
  const ag_status status = ag_path_join(name, sizeof name, "%s/%s", part, key);
  if (status == AG_OK && H5Lexists(results->file, name, H5P_DEFAULT) > 0)
    *group = H5Gopen2(results->file, name, H5P_DEFAULT);
  return status;
}

bool ag_results_has(const ag_results *results, const char *part, const char *key)
{
  ag_status ignored = AG_OK;
  hid_t group = H5I_INVALID_HID;
  const bool there = open_group(results, part, key, &group) == AG_OK && group >= 0;
  ag_hdf5_close(&group, &ignored);
  return there;
}

ag_status ag_results_numbers(const ag_results *results, const char *part, const char *key,
                             const char *const *names, size_t count, double *numbers)
{
  hid_t group = H5I_INVALID_HID;
  ag_status status = open_group(results, part, key, &group);
  for (size_t i = 0; i < count; ++i) {
    numbers[i] = (double)NAN;
    if (group >= 0) ag_read_attribute_numbers(group, names[i], &numbers[i], 1);
  }
  ag_hdf5_close(&group, &status);
  return status;
}

/* ---- examples ---------------------------------------------------------------------------------
 */

void ag_read_examples_clear(ag_read_examples *examples)
{
  ag_release(&examples->index);
  ag_release(&examples->label);
  ag_release(&examples->clean);
  ag_release(&examples->adversarial);
  ag_release(&examples->clean_probabilities);
  ag_release(&examples->probabilities);
  *examples = (ag_read_examples){0};
}

/* Reads an array that must have these sides; NULL where it has others. */
static ag_status read_like(hid_t group, const char *name, size_t rank, const size_t *wanted,
                           float **values)
{
  size_t sides[H5S_MAX_RANK] = {0};
  const ag_status status = ag_read_array(group, name, rank, sides, values);
  if (status != AG_OK || *values == NULL) return status;
  if (memcmp(sides, wanted, rank * sizeof *sides) != 0) ag_release(values);
  return AG_OK;
}

static bool has_pictures(const ag_read_examples *examples)
{
  return examples->clean != NULL && examples->height > 0 && examples->height <= SIDE_MAXIMUM &&
         examples->width > 0 && examples->width <= SIDE_MAXIMUM &&
         (examples->channels == 1 || examples->channels == 3);
}

static ag_status read_examples(hid_t group, ag_read_examples *examples)
{
  ag_status status = AG_OK;
  enum { RANK = 4 };
  size_t sides[RANK] = {0};
  size_t table[2] = {0};
  AG_TRY(ag_read_array(group, "clean", RANK, sides, &examples->clean));
  examples->height = sides[1];
  examples->width = sides[2];
  examples->channels = sides[3];
  if (!has_pictures(examples)) goto cleanup;
  AG_TRY(read_like(group, "adversarial", RANK, sides, &examples->adversarial));
  AG_TRY(read_like(group, "index", 1, sides, &examples->index));
  AG_TRY(read_like(group, "label", 1, sides, &examples->label));
  AG_TRY(ag_read_array(group, "probabilities", 2, table, &examples->probabilities));
  if (table[0] != sides[0]) ag_release(&examples->probabilities);
  AG_TRY(read_like(group, "clean_probabilities", 2, table, &examples->clean_probabilities));
  if (examples->probabilities == NULL) ag_release(&examples->clean_probabilities);
  examples->classes = examples->probabilities == NULL ? 0 : table[1];
  if (examples->adversarial != NULL && examples->index != NULL && examples->label != NULL)
    examples->count = sides[0];
cleanup:
  return status;
}

ag_status ag_results_examples(const ag_results *results, const char *key,
                              ag_read_examples *examples)
{
  hid_t group = H5I_INVALID_HID;
  *examples = (ag_read_examples){0};
  ag_status status = open_group(results, "examples", key, &group);
  if (status == AG_OK && group >= 0) status = read_examples(group, examples);
  ag_hdf5_close(&group, &status);
  return status;
}

/* ---- outcomes ---------------------------------------------------------------------------------
 */

/* The columns of /samples/KEY that are read, and what may stand there. */
enum { INDEX, LABEL, CLEAN_PREDICTION, PREDICTION, SAMPLE_COLUMNS };
static const struct {
  const char *name;
  float most; /* beyond it a float has not the digits, or a class no name */
} sample_columns[] = {
    {"index", 16777215}, {"label", 255}, {"clean_prediction", 255}, {"prediction", 255}};

/* Whether they are images in order. */
static bool take_samples(float *const *columns, size_t count, ag_outcome *outcomes)
{
  for (size_t i = 0; i < count; ++i) {
    for (size_t k = 0; k < SAMPLE_COLUMNS; ++k) {
      const float value = columns[k][i];
      if (!(value >= 0 && value <= sample_columns[k].most) || value != floorf(value)) return false;
    }
    outcomes[i] = (ag_outcome){.index = (uint32_t)columns[INDEX][i],
                               .label = (uint8_t)columns[LABEL][i],
                               .clean_prediction = (uint8_t)columns[CLEAN_PREDICTION][i],
                               .prediction = (uint8_t)columns[PREDICTION][i]};
    if (i > 0 && outcomes[i].index <= outcomes[i - 1].index) return false;
  }
  return true;
}

static ag_status read_samples(hid_t group, ag_outcome **outcomes, size_t *count)
{
  ag_status status = AG_OK;
  float *columns[SAMPLE_COLUMNS] = {NULL};
  size_t side = 0;
  bool whole = true;
  for (size_t k = 0; k < SAMPLE_COLUMNS && whole; ++k) {
    if (k == 0) AG_TRY(ag_read_array(group, sample_columns[k].name, 1, &side, &columns[k]));
    if (k > 0) AG_TRY(read_like(group, sample_columns[k].name, 1, &side, &columns[k]));
    whole = columns[k] != NULL;
  }
  if (!whole) goto cleanup;
  AG_TRY(ag_allocate(side, sizeof **outcomes, outcomes));
  *count = side;
  if (take_samples(columns, side, *outcomes)) goto cleanup;
  ag_release(outcomes);
  *count = 0;
cleanup:
  for (size_t k = 0; k < SAMPLE_COLUMNS; ++k)
    ag_release(&columns[k]);
  return status;
}

ag_status ag_results_samples(const ag_results *results, const char *key, ag_outcome **outcomes,
                             size_t *count)
{
  hid_t group = H5I_INVALID_HID;
  *outcomes = NULL;
  *count = 0;
  ag_status status = open_group(results, "samples", key, &group);
  if (status == AG_OK && group >= 0) status = read_samples(group, outcomes, count);
  ag_hdf5_close(&group, &status);
  return status;
}

/* ---- latent space -------------------------------------------------------------------------------
 */

void ag_read_latent_clear(ag_read_latent *latent)
{
  ag_release(&latent->label);
  ag_release(&latent->clean);
  ag_release(&latent->attacked);
  latent->count = 0;
}

static ag_status read_latent(ag_results *results, hid_t group, ag_read_latent *latent)
{
  ag_status status = AG_OK;
  size_t sides[2] = {0};
  AG_TRY(ag_read_array(group, "clean_2d", 2, sides, &latent->clean));
  AG_TRY(read_like(group, "attacked_2d", 2, sides, &latent->attacked));
  AG_TRY(read_like(group, "label", 1, sides, &latent->label));
  AG_TRY(ag_read_attribute_text(results, group, "layer", &latent->layer));
  ag_read_attribute_numbers(group, "explained_variance", latent->variance, 2);
  if (sides[1] == 2 && latent->clean != NULL && latent->attacked != NULL && latent->label != NULL)
    latent->count = sides[0];
cleanup:
  return status;
}

ag_status ag_results_latent(ag_results *results, const char *key, ag_read_latent *latent)
{
  hid_t group = H5I_INVALID_HID;
  *latent = (ag_read_latent){.variance = {(double)NAN, (double)NAN}, .layer = ""};
  ag_status status = open_group(results, "latent", key, &group);
  if (status == AG_OK && group >= 0) status = read_latent(results, group, latent);
  ag_hdf5_close(&group, &status);
  return status;
}
