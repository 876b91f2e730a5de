/* Tiles of Winograd's convolution on their way between images and planes: reading, transforming
 * and writing them, with what surrounds the convolution done on the way. */
#ifndef ADVGRID_KERNELS_VECTOR_WINOGRAD_TILES_H
#define ADVGRID_KERNELS_VECTOR_WINOGRAD_TILES_H

#include "kernels/vector/winograd_transforms.h"

enum {
  OUTPUTS = 4,                 /* of a tile, along an axis */
  INPUTS = 6,                  /* of a tile, along an axis */
  RESULTS = OUTPUTS * OUTPUTS, /* of a tile */
  POINTS = INPUTS * INPUTS     /* of a tile in the transformed domain */
};

static inline size_t tiles_down(const ag_convolution_shape *shape)
{
  return ag_divide_up(shape->out_height, OUTPUTS);
}

static inline size_t tiles_across(const ag_convolution_shape *shape)
{
  return ag_divide_up(shape->out_width, OUTPUTS);
}

/* A tile's place: its image, and its row and column among the image's tiles. */
typedef struct place {
  size_t image, row, column;
} place;

static inline place place_of(const ag_convolution_shape *shape, size_t tile)
{
  const size_t across = tiles_across(shape);
  const size_t in_image = tile % (tiles_down(shape) * across);
  return (place){tile / (tiles_down(shape) * across), in_image / across, in_image % across};
}

/* The offset of a pixel that lies outside of its image. */
static const size_t nowhere = SIZE_MAX;

/* Offsets of the channels of side x side pixels from (top, left) on, in images of height x width.
 */
static inline void find_pixels(size_t side, ptrdiff_t top, ptrdiff_t left, size_t image,
                               size_t height, size_t width, size_t channels, size_t *offsets)
{
  for (size_t i = 0; i < side; ++i) {
    const size_t y = (size_t)(top + (ptrdiff_t)i); /* what is negative wraps far beyond */
    for (size_t j = 0; j < side; ++j) {
      const size_t x = (size_t)(left + (ptrdiff_t)j);
      const bool inside = (y < height) & (x < width);
      offsets[i * side + j] = inside ? ((image * height + y) * width + x) * channels : nowhere;
    }
  }
}

/* Of a tile's inputs. */
static inline void find_inputs(const ag_convolution_shape *shape, const place *at,
                               size_t offsets[POINTS])
{
  const ptrdiff_t padding = (ptrdiff_t)shape->padding;
  find_pixels(INPUTS, (ptrdiff_t)(at->row * OUTPUTS) - padding,
              (ptrdiff_t)(at->column * OUTPUTS) - padding, at->image, shape->in_height,
              shape->in_width, shape->in_channels, offsets);
}

/* Of a tile's results: 4x4, or 2x2 where they are pooled. Returns how many along an axis. */
static inline size_t find_results(const ag_convolution_shape *shape, const place *at,
                                  size_t offsets[RESULTS])
{
  const size_t side = shape->pooled ? OUTPUTS / 2 : OUTPUTS;
  find_pixels(side, (ptrdiff_t)(at->row * side), (ptrdiff_t)(at->column * side), at->image,
              ag_convolution_result_height(shape), ag_convolution_result_width(shape),
              shape->out_channels, offsets);
  return side;
}

/* ---- forward ---- */

/* v = B'dB of `count` tiles from `first` on. edge: zeros, as many as channels. */
static void read_inputs(const ag_convolution_shape *shape, size_t first, size_t count,
                        const float *x, const float *edge, float *v, size_t plane)
{
  const size_t channels = shape->in_channels;
  const size_t next = OUTPUTS * channels * sizeof(float); /* the tile to the right */
  for (size_t t = 0; t < count; ++t, v += channels) {
    const place at = place_of(shape, first + t);
    size_t offsets[POINTS];
    const float *from[POINTS];
    find_inputs(shape, &at, offsets);
#pragma GCC unroll 36
    for (size_t p = 0; p < POINTS; ++p)
      from[p] = offsets[p] == nowhere ? edge : x + offsets[p];
    for (size_t c = 0; c < channels; c += WIDE) {
      wide tile[POINTS];
#pragma GCC unroll 36
      for (size_t p = 0; p < POINTS; ++p)
        tile[p] = load(from[p] + c);
#pragma GCC unroll 36
      for (size_t p = 0; p < POINTS; ++p)
        if (p % INPUTS >= INPUTS - OUTPUTS) fetch(from[p] + c, next);
      transform_both(transform_input, INPUTS, INPUTS, tile);
#pragma GCC unroll 36
      for (size_t p = 0; p < POINTS; ++p)
        store(v + p * plane + c, tile[p]);
    }
  }
}

/* The largest of the 2x2 values at z, rows INPUTS apart, a NaN being larger than all; and which
 * one it is, the first of equals. */
static inline wide largest_of_four(const wide *z, wide_mask *which)
{
  wide best = z[0];
  *which = (wide_mask){0};
#pragma GCC unroll 36
  for (int q = 1; q < 4; ++q) {
    const wide value = z[q / 2 * INPUTS + q % 2];
    const wide_mask larger = ~(value <= best) & is_number(best);
    best = either(larger, value, best);
    *which = (larger & q) | (~larger & *which);
  }
  return best;
}

/* ReLU and pooling of a tile's outputs z, to where they belong. */
static inline void write_results(const ag_convolution_shape *shape, const wide z[POINTS],
                                 const size_t *offsets, float *y, uint8_t *chosen)
{
  if (!shape->pooled) {
#pragma GCC unroll 36
    for (size_t p = 0; p < RESULTS; ++p) {
      const wide value = z[p / OUTPUTS * INPUTS + p % OUTPUTS];
      if (offsets[p] == nowhere) continue;
      store(y + offsets[p], shape->relu ? keep(~(value < 0), value) : value);
    }
    return;
  }
#pragma GCC unroll 36
  for (size_t p = 0; p < 4; ++p) {
    wide_mask which;
    wide value = largest_of_four(z + p / 2 * 2 * INPUTS + p % 2 * 2, &which);
    if (offsets[p] == nowhere) continue;
    if (shape->relu) {
      which = ((value > 0) & which) | (~(value > 0) & AG_CHOSEN_NONE);
      value = keep(~(value < 0), value);
    }
    store(y + offsets[p], value);
    store_bytes(chosen + offsets[p], which);
  }
}

/* The results of `count` tiles from `first` on: A'MA + bias, and what follows. */
static void write_outputs(const ag_convolution_shape *shape, size_t first, size_t count,
                          const float *m, size_t plane, const float *bias, float *y,
                          uint8_t *chosen)
{
  const size_t channels = shape->out_channels;
  for (size_t t = 0; t < count; ++t, m += channels) {
    const place at = place_of(shape, first + t);
    size_t offsets[RESULTS];
    find_results(shape, &at, offsets);
    for (size_t c = 0; c < channels; c += WIDE) {
      wide tile[POINTS];
      const wide add = load(bias + c);
#pragma GCC unroll 36
      for (size_t p = 0; p < POINTS; ++p)
        tile[p] = load(m + p * plane + c);
      transform_both(transform_output, INPUTS, OUTPUTS, tile);
#pragma GCC unroll 36
      for (size_t p = 0; p < RESULTS; ++p)
        tile[p / OUTPUTS * INPUTS + p % OUTPUTS] += add;
      write_results(shape, tile, offsets, y + c, shape->pooled ? chosen + c : NULL);
    }
  }
}

/* ---- backward ---- */

/* dz of a tile: dy where the result came from. Channels c on; results outside of y have no part. */
static inline void read_results(const ag_convolution_shape *shape,
                                const ag_convolution_backward *of, const float *edge,
                                const size_t *offsets, size_t c, wide dz[POINTS])
{
  if (shape->pooled) {
#pragma GCC unroll 36
    for (size_t p = 0; p < 4; ++p) {
      const bool inside = offsets[p] != nowhere;
      const wide dy = load(inside ? of->dy + offsets[p] + c : edge + c);
      const wide_mask which = load_bytes(of->chosen + (inside ? offsets[p] : 0) + c);
#pragma GCC unroll 36
      for (int q = 0; q < 4; ++q)
        dz[(p / 2 * 2 + (size_t)q / 2) * INPUTS + p % 2 * 2 + (size_t)q % 2] = keep(which == q, dy);
    }
    return;
  }
#pragma GCC unroll 36
  for (size_t p = 0; p < RESULTS; ++p) {
    const bool inside = offsets[p] != nowhere;
    wide dy = load(inside ? of->dy + offsets[p] + c : edge + c);
    if (shape->relu) dy = keep(load(of->y + (inside ? offsets[p] : 0) + c) > 0, dy);
    dz[p / OUTPUTS * INPUTS + p % OUTPUTS] = dy;
  }
}

/* What the next tile across will read. */
static inline void prefetch_results(const ag_convolution_shape *shape,
                                    const ag_convolution_backward *of, const size_t *offsets,
                                    size_t c)
{
  const size_t side = shape->pooled ? OUTPUTS / 2 : OUTPUTS;
  const size_t next = side * shape->out_channels;
  for (size_t p = 0; p < side * side; ++p) {
    if (offsets[p] == nowhere) continue;
    fetch(of->dy + offsets[p] + c, next * sizeof *of->dy);
    if (shape->pooled) {
      fetch(of->chosen + offsets[p] + c, next);
    } else if (shape->relu) {
      fetch(of->y + offsets[p] + c, next * sizeof *of->y);
    }
  }
}

/* m = A dz A' of `count` tiles from `first` on; db += the sum of dz, which is the tile's value at
 * the point (1, 1); NULL: not wanted. edge: zeros. */
static void read_gradients(const ag_convolution_shape *shape, size_t first, size_t count,
                           const ag_convolution_backward *of, const float *edge, float *m,
                           size_t plane, float *db)
{
  const size_t channels = shape->out_channels;
  for (size_t t = 0; t < count; ++t, m += channels) {
    const place at = place_of(shape, first + t);
    size_t offsets[RESULTS];
    find_results(shape, &at, offsets);
    for (size_t c = 0; c < channels; c += WIDE) {
      wide tile[POINTS];
      read_results(shape, of, edge, offsets, c, tile);
      prefetch_results(shape, of, offsets, c);
      transform_both(transform_output_gradient, OUTPUTS, INPUTS, tile);
      if (db != NULL) store(db + c, load(db + c) + tile[INPUTS + 1]);
#pragma GCC unroll 36
      for (size_t p = 0; p < POINTS; ++p)
        store(m + p * plane + c, tile[p]);
    }
  }
}

/* dx += B dV B' of `count` tiles from `first` on, tiles of an image being taken in order: what no
 * tile before has reached is set, not added to. edge: receives what lies outside. */
static void add_input_gradients(const ag_convolution_shape *shape, size_t first, size_t count,
                                const float *v, size_t plane, float *dx, float *edge)
{
  const size_t channels = shape->in_channels;
  const size_t next = OUTPUTS * channels * sizeof(float); /* the tile to the right */
  for (size_t t = 0; t < count; ++t, v += channels) {
    const place at = place_of(shape, first + t);
    size_t offsets[POINTS];
    float *to[POINTS];
    find_inputs(shape, &at, offsets);
#pragma GCC unroll 36
    for (size_t p = 0; p < POINTS; ++p)
      to[p] = offsets[p] == nowhere ? edge : dx + offsets[p];
    for (size_t c = 0; c < channels; c += WIDE) {
      wide tile[POINTS];
#pragma GCC unroll 36
      for (size_t p = 0; p < POINTS; ++p)
        tile[p] = load(v + p * plane + c);
      transform_both(transform_input_gradient, INPUTS, INPUTS, tile);
#pragma GCC unroll 36
      for (size_t p = 0; p < POINTS; ++p) {
        const bool above = p / INPUTS < INPUTS - OUTPUTS && at.row > 0;
        const bool left = p % INPUTS < INPUTS - OUTPUTS && at.column > 0;
        if (p % INPUTS >= INPUTS - OUTPUTS) fetch(to[p] + c, next);
        if (above || left) tile[p] += load(to[p] + c);
        store(to[p] + c, tile[p]);
      }
    }
  }
}

#endif
