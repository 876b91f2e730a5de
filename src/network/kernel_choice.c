/* Which kernels compute a network: what a job may say about it, and what this processor runs. */
#include "advgrid/network.h"

#include <stdio.h>

const ag_option ag_kernel_options[] = {
    {.name = "instructions",
     .type = AG_OPTION_WORD,
     .initial = "auto",
     .words = (const char *const[]){"auto", "avx512", "avx2", "baseline", NULL},
     .help = "the instruction set; auto: the widest that the processor runs",
     .late = true},
    {.name = "convolution",
     .type = AG_OPTION_WORD,
     .initial = "auto",
     .words = (const char *const[]){"auto", "winograd", "im2col", NULL},
     .help = "the way to compute a convolution where it can be; auto: the fastest",
     .late = true},
    {0},
};

ag_kernel_choice ag_kernel_choice_of(const ag_settings *settings)
{
  ag_kernel_choice choice;
  snprintf(choice.instructions, sizeof choice.instructions, "%s",
           ag_settings_word(settings, "instructions"));
  snprintf(choice.convolution, sizeof choice.convolution, "%s",
           ag_settings_word(settings, "convolution"));
  return choice;
}

ag_status ag_kernel_choice_variant(const ag_kernel_choice *choice, const ag_variant **variant)
{
  const char *word = choice->instructions[0] == '\0' ? "auto" : choice->instructions;
  *variant = ag_variant_find(word);
  if (*variant != NULL) return AG_OK;
  return ag_fail(AG_INVALID_ARGUMENT,
                 "this processor does not run '%s' instructions; the best it runs are %s", word,
                 ag_variant_name(ag_variant_find("auto")));
}
