/* Winograd's F(4x4, 3x3), Lavin & Gray 2016 (arXiv:1509.09308), with bias, ReLU and 2x2 max
 * pooling in the transforms.
 *
 * A tile is 4x4 outputs, from 6x6 inputs that overlap by 2. With d a tile of inputs, g a kernel:
 *   V = B'dB    U = GgG'    M_p = V_p U_p (36 products over channels)    z = A'MA
 * and backward the exact adjoint, which shares its transforms:
 *   dM = A dz A'    dU_p = V_p' dM_p    dV_p = dM_p U_p'    dg = G'dU G    dx += B dV B'
 * A block of tiles goes through all steps while it is in the cache. */
#include "kernels/vector/winograd_tiles.h"

/* Where a shard's planes lie in the scratch. */
typedef struct layout {
  size_t in, out;                   /* channels */
  size_t tiles, block;              /* of the shard; taken at once */
  size_t u_plane, v_plane, m_plane; /* floats from one of the 36 points to the next */
} layout;

/* Planes at a power of two apart would collide in the cache. */
static size_t plane_floats(size_t floats)
{
  enum { PADDING = 16 };
  return floats + PADDING;
}

/* Tiles whose planes stay in the second cache, and enough to share each read of the weights. */
static size_t tiles_at_once(size_t in, size_t out)
{
  enum { FLOATS = 262144, LEAST = 64, MOST = 256, UNIT = 8 };
  const size_t tiles = FLOATS / (POINTS * (in + out));
  return tiles < LEAST ? LEAST : tiles > MOST ? MOST : tiles / UNIT * UNIT;
}

static layout layout_of(const ag_convolution_shape *shape, size_t count)
{
  layout all = {.in = shape->in_channels, .out = shape->out_channels};
  all.tiles = count * tiles_down(shape) * tiles_across(shape);
  all.block = tiles_at_once(all.in, all.out);
  all.u_plane = plane_floats(all.in * all.out);
  all.v_plane = plane_floats(all.block * all.in);
  all.m_plane = plane_floats(all.block * all.out);
  return all;
}

static size_t edge_floats(const layout *all)
{
  return all->in > all->out ? all->in : all->out;
}

static size_t scratch_floats(const ag_convolution_shape *shape, size_t count)
{
  const layout all = layout_of(shape, count);
  return edge_floats(&all) + POINTS * (all.u_plane + all.v_plane + all.m_plane) + all.out;
}

/* Not thin layers: they gain little, and where a gradient is zero im2col's is exactly zero, while
 * the cancelling sums here leave a rounding, whose sign an attack would follow. */
static bool supports(const ag_convolution_shape *shape)
{
  return shape->kernel == 3 && shape->stride == 1 && shape->padding <= 2 &&
         shape->in_channels >= AG_WINOGRAD_CHANNELS &&
         shape->out_channels >= AG_WINOGRAD_CHANNELS && shape->in_channels % WIDE == 0 &&
         shape->out_channels % WIDE == 0;
}

/* ---- weights: U and its transpose, each in panels as the products read them ---- */

static size_t prepared_floats(const ag_convolution_shape *shape)
{
  const layout all = layout_of(shape, 0);
  return 2 * (size_t)POINTS * all.u_plane;
}

/* GgG' of the kernels `g`, one a lane, to the same place of each plane of u. The planes are too
 * many for a processor to foresee, and not in its caches: it is told what comes next but one. */
static void transform_weights(const wide g[9], size_t plane, float *u)
{
  const size_t ahead = sizeof(float[2 * PANEL]);
  wide tile[POINTS];
  for (size_t p = 0; p < 9; ++p)
    tile[p / 3 * INPUTS + p % 3] = g[p];
  transform_both(transform_kernel, 3, INPUTS, tile);
  for (size_t p = 0; p < POINTS; ++p) {
    store(u + p * plane, tile[p]);
    fetch_to_write(u + p * plane, ahead);
  }
}

static void prepare(const ag_convolution_shape *shape, size_t part, size_t parts,
                    const float *weights, float *prepared)
{
  const layout all = layout_of(shape, 0);
  wide g[9];
  float *u = prepared;
  for (size_t first = 0; first < all.out; first += PANEL) {
    const size_t end = ag_minimum(first + PANEL, all.out);
    for (size_t i = all.in * part / parts; i < all.in * (part + 1) / parts; ++i) {
      for (size_t o = first; o < end; o += WIDE) {
        for (size_t p = 0; p < 9; ++p)
          g[p] = load(weights + (p * all.in + i) * all.out + o);
        transform_weights(g, all.u_plane, u + packed_place(all.in, all.out, i, o));
      }
    }
  }
  /* The outputs inside: their kernels share cache lines. */
  float *turned = prepared + POINTS * all.u_plane;
  for (size_t i = 0; i < all.in; i += WIDE) {
    for (size_t o = all.out * part / parts; o < all.out * (part + 1) / parts; ++o) {
      for (size_t p = 0; p < 9; ++p) {
        for (size_t lane = 0; lane < WIDE; ++lane)
          g[p][lane] = weights[(p * all.in + i + lane) * all.out + o];
      }
      transform_weights(g, all.u_plane, turned + packed_place(all.out, all.in, o, i));
    }
  }
}

/* dw += G' dU G for every pair of channels, db += the gradient of the bias. */
static void add_gradients(const layout *all, const float *du, const float *bias_gradient, float *dw,
                          float *db)
{
  for (size_t at = 0; at < all->in * all->out; at += WIDE) {
    wide tile[POINTS];
    for (size_t p = 0; p < POINTS; ++p)
      tile[p] = load(du + p * all->u_plane + at);
    transform_both(transform_kernel_gradient, INPUTS, 3, tile);
    for (size_t p = 0; p < 9; ++p) {
      float *to = dw + p * all->in * all->out + at;
      store(to, load(to) + tile[p / 3 * INPUTS + p % 3]);
    }
  }
  for (size_t c = 0; c < all->out; c += WIDE)
    store(db + c, load(db + c) + load(bias_gradient + c));
}

/* ---- the passes ---- */

static void forward(const ag_convolution_shape *shape, size_t count, const float *x,
                    const float *prepared, const float *bias, float *y, uint8_t *chosen,
                    float *scratch)
{
  const layout all = layout_of(shape, count);
  float *edge = scratch;
  float *v = edge + edge_floats(&all);
  float *m = v + POINTS * all.v_plane;
  memset(edge, 0, edge_floats(&all) * sizeof *edge);
  for (size_t first = 0; first < all.tiles; first += all.block) {
    const size_t some = ag_minimum(all.tiles - first, all.block);
    read_inputs(shape, first, some, x, edge, v, all.v_plane);
    for (size_t p = 0; p < POINTS; ++p) {
      ag_multiply(some, all.out, all.in, v + p * all.v_plane, all.in, 1, prepared + p * all.u_plane,
                  0, false, m + p * all.m_plane, all.out);
    }
    write_outputs(shape, first, some, m, all.m_plane, bias, y, chosen);
  }
}

static void backward(const ag_convolution_shape *shape, size_t count,
                     const ag_convolution_backward *of)
{
  const layout all = layout_of(shape, count);
  const float *turned = of->prepared + POINTS * all.u_plane;
  float *edge = of->scratch;
  float *v = edge + edge_floats(&all);
  float *m = v + POINTS * all.v_plane;
  float *du = m + POINTS * all.m_plane;
  float *db = du + POINTS * all.u_plane;
  memset(db, 0, all.out * sizeof *db);
  for (size_t first = 0; first < all.tiles; first += all.block) {
    const size_t some = ag_minimum(all.tiles - first, all.block);
    memset(edge, 0, edge_floats(&all) * sizeof *edge);
    read_gradients(shape, first, some, of, edge, m, all.m_plane, of->dw == NULL ? NULL : db);
    if (of->dw != NULL) {
      read_inputs(shape, first, some, of->x, edge, v, all.v_plane);
      for (size_t p = 0; p < POINTS; ++p) {
        ag_multiply(all.in, all.out, some, v + p * all.v_plane, 1, all.in, m + p * all.m_plane,
                    all.out, first > 0, du + p * all.u_plane, all.out);
      }
    }
    if (of->dx != NULL) {
      for (size_t p = 0; p < POINTS; ++p) {
        ag_multiply(some, all.in, all.out, m + p * all.m_plane, all.out, 1,
                    turned + p * all.u_plane, 0, false, v + p * all.v_plane, all.in);
      }
      add_input_gradients(shape, first, some, v, all.v_plane, of->dx, edge);
    }
  }
  if (of->dw != NULL) add_gradients(&all, du, db, of->dw, of->db);
}

const ag_convolution_kernel AG_VECTOR(winograd) = {
    .name = "winograd",
    .supports = supports,
    .prepared_floats = prepared_floats,
    .prepare = prepare,
    .scratch_floats = scratch_floats,
    .forward = forward,
    .backward = backward,
};
