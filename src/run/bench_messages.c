/* Latency and bandwidth of messages between two ranks. */
#include "run/bench_scaling.h"

#include <stdlib.h>

/* ---- fit ---- */

void ag_bench_messages_fit(size_t count, const double *bytes, const double *seconds,
                           double *latency, double *bandwidth)
{
  /* The normal equations of a + b bytes = seconds, each row divided by its seconds. */
  double aa = 0;
  double ab = 0;
  double bb = 0;
  double a = 0;
  double b = 0;
  size_t shortest = 0;
  size_t longest = 0;
  for (size_t i = 0; i < count; ++i) {
    const double one = 1 / seconds[i];
    const double slope = bytes[i] / seconds[i];
    aa += one * one;
    ab += one * slope;
    bb += slope * slope;
    a += one;
    b += slope;
    if (bytes[i] < bytes[shortest]) shortest = i;
    if (bytes[i] > bytes[longest]) longest = i;
  }
  const double determinant = aa * bb - ab * ab;
  const double offset = (a * bb - b * ab) / determinant;
  const double per_byte = (aa * b - ab * a) / determinant;
  *latency = offset > 0 ? offset : seconds[shortest];
  *bandwidth = per_byte > 0 ? 1 / per_byte : bytes[longest] / seconds[longest];
}

/* ---- measurement ---- */

static int compare(const void *a, const void *b)
{
  const double left = *(const double *)a;
  const double right = *(const double *)b;
  return (left > right) - (left < right);
}

/* To the other rank and back, as this one begins or as the other one does. */
static void play(const ag_team *team, char *buffer, int size)
{
  const int other = team->rank == 0 ? (int)team->size - 1 : 0;
  for (int turn = 0; turn < 2; ++turn) {
    if ((turn == 0) == (team->rank == 0)) {
      MPI_Send(buffer, size, MPI_BYTE, other, 0, team->communicator);
    } else {
      MPI_Recv(buffer, size, MPI_BYTE, other, 0, team->communicator, MPI_STATUS_IGNORE);
    }
  }
}

/* The median of rounds, both of whose messages take as long. */
static double measure(const ag_team *team, char *buffer, int size)
{
  enum { SHORT = 1 << 16, MANY = 201, FEW = 9 };
  double rounds[MANY];
  const size_t count = size <= SHORT ? MANY : FEW;
  for (size_t i = 0; i < 3; ++i) /* makes the connection and touches the memory */
    play(team, buffer, size);
  for (size_t i = 0; i < count; ++i) {
    const double start = ag_clock_seconds();
    play(team, buffer, size);
    rounds[i] = ag_clock_seconds() - start;
  }
  qsort(rounds, count, sizeof *rounds, compare);
  return rounds[count / 2] / 2;
}

ag_status ag_bench_messages_measure(const ag_team *team, ag_bench_messages *messages)
{
  enum { LARGEST = 1 << 22 }; /* 4 ^ 11 */
  char *buffer = NULL;
  const bool plays = team->rank == 0 || team->rank == team->size - 1;
  const ag_status status = ag_team_agree(team, plays ? ag_allocate(LARGEST, 1, &buffer) : AG_OK);
  for (size_t i = 0; status == AG_OK && plays && i < AG_BENCH_MESSAGE_SIZES; ++i) {
    const int size = LARGEST >> (2 * (AG_BENCH_MESSAGE_SIZES - 1 - i));
    messages->bytes[i] = size;
    messages->seconds[i] = measure(team, buffer, size);
  }
  ag_release(&buffer);
  if (status == AG_OK && plays) {
    ag_bench_messages_fit(AG_BENCH_MESSAGE_SIZES, messages->bytes, messages->seconds,
                          &messages->latency, &messages->bandwidth);
  }
  return status;
}
