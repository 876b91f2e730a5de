/* Parameters in memory and in files: one loop knows both orders. */
#include "advgrid/network.h"

/* A parameter's place in the file's order: out, then in, then the position, row by row. */
typedef struct place {
  size_t out, in, row, column;
} place;

static size_t offset_in_block(const ag_parameter *parameter, const place *at)
{
  const size_t in = parameter->layout == AG_LAYOUT_VECTOR ? 1 : ag_channels_padded(parameter->in);
  const size_t position = at->row * parameter->width + at->column;
  return parameter->offset + (position * in + at->in) * ag_channels_padded(parameter->out) +
         at->out;
}

size_t ag_parameter_file_floats(const ag_parameter *parameter)
{
  return parameter->height * parameter->width * parameter->in * parameter->out;
}

/* Calls for every value with its index in the file and its offset in the block. */
static void walk(const ag_parameter *parameter, void (*visit)(void *, size_t, size_t),
                 void *context)
{
  size_t index = 0;
  place at;
  for (at.out = 0; at.out < parameter->out; ++at.out) {
    for (at.in = 0; at.in < parameter->in; ++at.in) {
      for (at.row = 0; at.row < parameter->height; ++at.row) {
        for (at.column = 0; at.column < parameter->width; ++at.column) {
          visit(context, index++, offset_in_block(parameter, &at));
        }
      }
    }
  }
}

typedef struct copy {
  const float *from;
  float *to;
} copy;

static void copy_to_file(void *context, size_t file, size_t block)
{
  const copy *both = context;
  both->to[file] = both->from[block];
}

static void copy_to_block(void *context, size_t file, size_t block)
{
  const copy *both = context;
  both->to[block] = both->from[file];
}

void ag_parameter_export(const ag_parameter *parameter, const float *block, float *file)
{
  walk(parameter, copy_to_file, &(copy){.from = block, .to = file});
}

void ag_parameter_import(const ag_parameter *parameter, const float *file, float *block)
{
  walk(parameter, copy_to_block, &(copy){.from = file, .to = block});
}
