/* What the subcommands' command lines have in common. */
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void ag_command_parse(const struct argp *argp, int argc, char **argv, void *input)
{
  static char name[AG_NAME_SIZE];
  snprintf(name, sizeof name, "advgrid %s", argv[0]);
  argv[0] = name;
  argp_err_exit_status = 2;
  argp_parse(argp, argc, argv, 0, NULL, input);
}

size_t ag_command_count(const struct argp_state *state, const char *option, const char *argument,
                        size_t maximum)
{
  double value = 0;
  if (ag_number_read(argument, &value) != AG_OK || value < 1 || value > (double)maximum ||
      value != (double)(size_t)value) {
    argp_error(state, "--%s is '%s'; expected a whole number from 1 to %zu", option, argument,
               maximum);
  }
  return (size_t)value;
}

void ag_command_result_folder(const char *job_path, char folder[AG_PATH_SIZE])
{
  const char *slash = strrchr(job_path, '/');
  const char *name = slash == NULL ? job_path : slash + 1;
  const char *end = strrchr(name, '.');
  const int length = end == NULL || end == name ? (int)strlen(name) : (int)(end - name);
  snprintf(folder, AG_PATH_SIZE, "results/%.*s", length < 255 ? length : 255, name);
}

ag_status ag_command_print(const ag_text *text)
{
  if (fwrite(text->bytes, 1, text->length, stdout) != text->length || fflush(stdout) != 0) {
    return ag_fail(AG_IO_ERROR, "cannot write to standard output: %s", strerror(errno));
  }
  return AG_OK;
}
