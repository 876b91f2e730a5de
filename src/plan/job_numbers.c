/* The numbers of a job that no table lists: its seeds and its epsilons. */
#include "plan/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t seed_maximum = UINT64_C(1) << 48; /* the bits above tell layers apart */

static ag_status read_seed(const char *text, uint64_t *seed)
{
  const size_t digits = strspn(text, "0123456789");
  if (text[digits] != '\0') {
    return ag_fail(AG_BAD_JOB, "seed '%.80s' is no whole number; expected 0 to 2^48", text);
  }
  *seed = digits < 20 ? strtoull(text, NULL, 10) : UINT64_MAX;
  if (*seed > seed_maximum) {
    return ag_fail(AG_BAD_JOB, "seed %.80s is too large; expected 0 to 2^48", text);
  }
  return AG_OK;
}

ag_status ag_job_read_seeds(ag_job_document *document, const ag_job_mapping *root, ag_job *job)
{
  ag_status status = AG_OK;
  const size_t count = ag_job_list_count(root, "seeds");
  const char *single = ag_job_text(root, "seed");
  if (count > 0 && single != NULL) {
    status = ag_fail(AG_BAD_JOB, "both 'seed' and 'seeds' are given; expected one of them");
    return ag_job_at(document, status, "seeds");
  }
  AG_TRY(ag_allocate(count > 0 ? count : 1, sizeof *job->seeds, &job->seeds));
  job->seed_count = count > 0 ? count : 1;
  if (count == 0) {
    return ag_job_at(document, read_seed(single != NULL ? single : "1", &job->seeds[0]), "seed");
  }
  for (size_t i = 0; i < count; ++i) {
    const char *text = ag_job_list_text(root, "seeds", i);
    AG_TRY(ag_job_at(document, read_seed(text, &job->seeds[i]), "seeds[%zu]", i));
    for (size_t k = 0; k < i; ++k) {
      if (job->seeds[k] != job->seeds[i]) continue;
      status = ag_fail(AG_BAD_JOB, "seed %s is given twice", text);
      AG_TRY(ag_job_at(document, status, "seeds[%zu]", i));
    }
  }
cleanup:
  return status;
}

/* In L2 the images lie far apart: 55 where every value of 32 x 32 x 3 differs by 1. */
static const double l2_maximum = 1000;

static bool has_l2(const ag_job *job)
{
  for (size_t i = 0; i < job->attack_count; ++i) {
    if (ag_attack_norm(&job->attacks[i]) == AG_NORM_L2) return true;
  }
  return false;
}

static ag_status check_epsilon(const char *text, double value, bool l2)
{
  if (value >= 0 && value <= (l2 ? l2_maximum : 1)) return AG_OK;
  if (l2) {
    return ag_fail(AG_BAD_JOB,
                   "epsilon %s; expected 0 to %.0f, on the scale of the pixels (0 to 1)", text,
                   l2_maximum);
  }
  return ag_fail(AG_BAD_JOB, "epsilon %s; expected 0 to 1, the scale of the pixels (such as 8/255)",
                 text);
}

static ag_status read_epsilon(const char *text, bool l2, const ag_epsilon *earlier, size_t count,
                              ag_epsilon *epsilon)
{
  if (strlen(text) >= sizeof epsilon->text) {
    return ag_fail(AG_BAD_JOB, "epsilon '%.80s' has more than %zu characters", text,
                   sizeof epsilon->text - 1);
  }
  ag_status status = ag_number_read(text, &epsilon->value);
  if (status != AG_OK) return ag_fail_within(status, "epsilon");
  status = check_epsilon(text, epsilon->value, l2);
  if (status != AG_OK) return status;
  epsilon->value += 0.0; /* no minus zero */
  snprintf(epsilon->text, sizeof epsilon->text, "%s", text);
  for (size_t i = 0; i < count; ++i) {
    if (earlier[i].value == epsilon->value) {
      return ag_fail(AG_BAD_JOB, "epsilons %s and %s are the same", earlier[i].text, text);
    }
  }
  return AG_OK;
}

ag_status ag_job_read_epsilons(ag_job_document *document, const ag_job_mapping *root, ag_job *job)
{
  ag_status status = AG_OK;
  const size_t count = ag_job_list_count(root, "epsilons");
  const bool l2 = has_l2(job);
  AG_TRY(ag_allocate(count, sizeof *job->epsilons, &job->epsilons));
  job->epsilon_count = count;
  for (size_t i = 0; i < count; ++i) {
    const char *text = ag_job_list_text(root, "epsilons", i);
    status = read_epsilon(text, l2, job->epsilons, i, &job->epsilons[i]);
    AG_TRY(ag_job_at(document, status, "epsilons[%zu]", i));
  }
cleanup:
  return status;
}
