/* What a probe found, kept for each type of processor in the user's cache. */
#include "advgrid/run.h"
#include "advgrid/store.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Letters and digits of the text, and a '-' for each run of anything else between them. */
static void plain_name(const char *text, size_t size, char *name)
{
  size_t length = 0;
  for (; *text != '\0' && length + 2 < size; ++text) {
    if (isalnum((unsigned char)*text)) {
      if (length > 0 && !isalnum((unsigned char)text[-1])) name[length++] = '-';
      name[length++] = *text;
    }
  }
  name[length] = '\0';
}

ag_status ag_machine_path(const ag_job *job, char path[AG_PATH_SIZE])
{
  char name[128];
  ag_provenance provenance;
  const ag_variant *variant = NULL;
  const ag_kernel_choice choice = ag_kernel_choice_of(&job->kernels);
  const char *cache = getenv("XDG_CACHE_HOME");
  const char *home = getenv("HOME");
  const ag_status status = ag_kernel_choice_variant(&choice, &variant);
  if (status != AG_OK) return status;
  ag_provenance_collect(&provenance);
  plain_name(provenance.cpu, sizeof name, name);
  const char *instructions = ag_variant_name(variant);
  /* The standard wants a relative one to be passed over. */
  if (cache != NULL && cache[0] == '/') {
    return ag_path_join(path, AG_PATH_SIZE, "%s/advgrid/machine-%s-%s.yaml", cache, name,
                        instructions);
  }
  if (home != NULL && home[0] == '/') {
    return ag_path_join(path, AG_PATH_SIZE, "%s/.cache/advgrid/machine-%s-%s.yaml", home, name,
                        instructions);
  }
  return ag_fail(AG_INVALID_ARGUMENT, "neither XDG_CACHE_HOME nor HOME names a folder");
}

ag_status ag_machine_read(const char *path, ag_cluster *cluster)
{
  char *file = NULL;
  size_t size = 0;
  ag_status status = ag_file_read(path, &file, &size);
  if (status == AG_IO_ERROR) return ag_fail(AG_INVALID_ARGUMENT, "%s", ag_message());
  if (status == AG_OK) status = ag_cluster_read(file, size, path, cluster);
  ag_release(&file);
  return status;
}

ag_status ag_machine_keep(const char *path, const ag_cluster *cluster)
{
  ag_status status = AG_OK;
  char folder[AG_PATH_SIZE];
  ag_text text = {0};
  const char *slash = strrchr(path, '/');
  AG_TRY(ag_path_join(folder, sizeof folder, "%.*s", (int)(slash - path), path));
  AG_TRY(ag_folder_create(folder));
  AG_TRY(ag_text_append(&text, "# by the probe of advgrid submit, without MPI: latency and"
                               " bandwidth are guessed\n"));
  AG_TRY(ag_cluster_print(cluster, &text));
  AG_TRY(ag_file_write(path, text.bytes, text.length));
cleanup:
  ag_text_clear(&text);
  return status;
}
