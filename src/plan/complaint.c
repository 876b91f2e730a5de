/* Listens to libcyaml. */
#include "plan/complaint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void listen(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
  (void)level;
  ag_complaint *heard = context;
  char said[sizeof heard->text];
  vsnprintf(said, sizeof said, format, arguments);
  said[strcspn(said, "\n")] = '\0';
  const char *line = strstr(said, "line: ");
  if (line != NULL && heard->line == 0) heard->line = strtoul(line + strlen("line: "), NULL, 10);
  if (heard->text[0] == '\0') memcpy(heard->text, said, sizeof said);
}

cyaml_config_t ag_complaint_listen(ag_complaint *heard)
{
  return (cyaml_config_t){
      .log_fn = listen, .log_ctx = heard, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR};
}
