/* How fast a cluster is, as a YAML file: by one schema of libcyaml it is read and written. */
#include "plan/complaint.h"

#include "advgrid/plan.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

enum { FILE_MAXIMUM = 1 << 16, THREADS_MAXIMUM = 1024 };

ag_cluster ag_cluster_guess(void)
{
  const double rate = 2.5e11; /* operations a second of a thread, of direct convolutions */
  return (ag_cluster){.cpu = "a guess",
                      .model = "base",
                      .threads = 1,
                      .seconds = {.training = 3 / rate,
                                  .adversarial = 17 / rate,
                                  .forward = 1 / rate,
                                  .gradient = 2 / rate},
                      .flops = {1, 1, 1},
                      .latency = 20e-6,
                      .bandwidth = 1.25e9};
}

/* ---- the schema ---- */

#define SECONDS(name) CYAML_FIELD_FLOAT(#name, CYAML_FLAG_DEFAULT, ag_cluster, seconds.name)
#define FLOPS(name) CYAML_FIELD_FLOAT(#name, CYAML_FLAG_DEFAULT, ag_cluster, flops.name)

static const cyaml_schema_field_t seconds_fields[] = {
    SECONDS(training), SECONDS(adversarial), SECONDS(forward), SECONDS(gradient), CYAML_FIELD_END};
static const cyaml_schema_field_t flops_fields[] = {FLOPS(forward), FLOPS(input_gradient),
                                                    FLOPS(weight_gradient), CYAML_FIELD_END};

/* The numbers of an inner mapping have their places in the whole. */
#define INNER(name, inner)                     \
  {                                            \
    .key = #name, .data_offset = 0, .value = { \
      .type = CYAML_MAPPING,                   \
      .flags = CYAML_FLAG_DEFAULT,             \
      .data_size = sizeof(ag_cluster),         \
      .mapping = {inner}                       \
    }                                          \
  }

static const cyaml_schema_field_t fields[] = {
    CYAML_FIELD_STRING("cpu", CYAML_FLAG_DEFAULT, ag_cluster, cpu, 0),
    CYAML_FIELD_STRING("model", CYAML_FLAG_DEFAULT, ag_cluster, model, 1),
    CYAML_FIELD_UINT("threads", CYAML_FLAG_DEFAULT, ag_cluster, threads),
    INNER(seconds, seconds_fields),
    INNER(flops, flops_fields),
    CYAML_FIELD_FLOAT("latency", CYAML_FLAG_DEFAULT, ag_cluster, latency),
    CYAML_FIELD_FLOAT("bandwidth", CYAML_FLAG_DEFAULT, ag_cluster, bandwidth),
    CYAML_FIELD_END};

static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, ag_cluster, fields)};

/* ---- reading ---- */

static ag_status check(const ag_cluster *cluster, const char *path)
{
  const struct {
    const char *name;
    double value;
  } numbers[] = {
      {"seconds: training", cluster->seconds.training},
      {"seconds: adversarial", cluster->seconds.adversarial},
      {"seconds: forward", cluster->seconds.forward},
      {"seconds: gradient", cluster->seconds.gradient},
      {"flops: forward", cluster->flops.forward},
      {"flops: input_gradient", cluster->flops.input_gradient},
      {"flops: weight_gradient", cluster->flops.weight_gradient},
      {"latency", cluster->latency},
      {"bandwidth", cluster->bandwidth},
  };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; ++i) {
    if (isfinite(numbers[i].value) && numbers[i].value > 0) continue;
    return ag_fail(AG_INVALID_ARGUMENT, "%s: '%s' is %g; expected a number over 0", path,
                   numbers[i].name, numbers[i].value);
  }
  if (cluster->threads >= 1 && cluster->threads <= THREADS_MAXIMUM) return AG_OK;
  return ag_fail(AG_INVALID_ARGUMENT, "%s: 'threads' is out of range; expected 1 to %d", path,
                 THREADS_MAXIMUM);
}

/* In one line. Of a key that it does not know libcyaml names the line before. */
static ag_status refuse(const ag_complaint *heard, const char *path, cyaml_err_t error)
{
  const char *said = error == CYAML_OK ? "the file is empty" : cyaml_strerror(error);
  if (heard->text[0] != '\0') said = heard->text;
  if (strncmp(said, "Load: ", strlen("Load: ")) == 0) said += strlen("Load: ");
  return ag_fail(
      AG_INVALID_ARGUMENT,
      "%s, near line %zu: %s; expected a machine as 'advgrid bench --scaling -o' writes it", path,
      heard->line > 0 ? heard->line : 1, said);
}

ag_status ag_cluster_read(const char *text, size_t size, const char *path, ag_cluster *cluster)
{
  ag_complaint heard = {0};
  cyaml_data_t *loaded = NULL;
  const cyaml_config_t config = ag_complaint_listen(&heard);
  if (size > FILE_MAXIMUM) {
    return ag_fail(AG_INVALID_ARGUMENT, "%s: the file has %zu bytes; expected at most %d", path,
                   size, FILE_MAXIMUM);
  }
  const cyaml_err_t error =
      cyaml_load_data((const uint8_t *)text, size, &config, &schema, &loaded, NULL);
  if (error == CYAML_ERR_OOM) return ag_fail(AG_OUT_OF_MEMORY, "out of memory reading %s", path);
  if (error != CYAML_OK || loaded == NULL) return refuse(&heard, path, error);
  *cluster = *(const ag_cluster *)loaded;
  cyaml_free(&config, &schema, loaded, 0);
  return check(cluster, path);
}

/* ---- writing ---- */

ag_status ag_cluster_print(const ag_cluster *cluster, ag_text *text)
{
  ag_complaint heard = {0};
  char *written = NULL;
  size_t size = 0;
  const cyaml_config_t config = ag_complaint_listen(&heard);
  const cyaml_err_t error = cyaml_save_data(&written, &size, &config, &schema, cluster, 0);
  if (error != CYAML_OK) {
    return ag_fail(AG_IO_ERROR, "libcyaml cannot write the machine: %s (%s)", cyaml_strerror(error),
                   heard.text);
  }
  const ag_status status =
      ag_text_append(text,
                     "# how fast a machine is: seconds of one image on one thread while all work,\n"
                     "# seconds of a message without bytes, bytes a second\n%.*s",
                     (int)size, written);
  cyaml_mem(NULL, written, 0);
  return status;
}
