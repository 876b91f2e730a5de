/* advgrid bench: how fast this machine is, and what it spends its time on. */
#include "advgrid/run.h"
#include "cli/commands.h"

static const char documentation[] =
    "Measure this machine: a core's peak of multiply-adds, the matrix products, and forward passes,"
    " PGD steps and training steps at 1, 2, 4 ... threads, on synthetic images; and what each phase"
    " and each layer of a training step takes. Rates are the median of five repeats. The floor is"
    " the time of the matrix products alone at the peak, 3x3 convolutions by Winograd's F(4x4,3x3)."
    "\v"
    "Under mpirun or srun all ranks work together, each with that many threads.\n"
    "\n"
    "  advgrid bench\n"
    "  advgrid bench --model small --threads 1 --seconds 0.5\n"
    "  advgrid bench --instructions avx2 --convolution im2col\n"
    "  mpirun -n 2 advgrid bench --threads 1 --json > bench.json\n";

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "print JSON", 0},
    {"model", 'm', "NAME", 0, "an architecture as a job names it (default: base)", 0},
    {"instructions", 'i', "NAME", 0, "avx512, avx2, baseline (default: auto, the widest)", 0},
    {"convolution", 'c', "NAME", 0, "winograd, im2col (default: auto, the fastest)", 0},
    {"threads", 't', "N", 0, "most threads of a rank (default: its share of the node's cores)", 0},
    {"shard", 's', "N", 0, "images a thread takes at once (default: 32)", 0},
    {"batch", 'b', "N", 0, "images of a training step, over all ranks (default: 128)", 0},
    {"seconds", 'S', "T", 0, "seconds of each measurement, about (default: 2)", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
  ag_bench_request *request = state->input;
  switch (key) {
  case 'j': request->json = true; return 0;
  case 'm': request->model = argument; return 0;
  case 'i': request->instructions = argument; return 0;
  case 'c': request->convolution = argument; return 0;
  case 't': request->threads = ag_command_count(state, "threads", argument, 1024); return 0;
  case 's': request->shard = ag_command_count(state, "shard", argument, 1024); return 0;
  case 'b': request->batch = ag_command_count(state, "batch", argument, 16384); return 0;
  case 'S':
    if (ag_number_read(argument, &request->seconds) != AG_OK || request->seconds <= 0 ||
        request->seconds > 3600) {
      argp_error(state, "--seconds is '%s'; expected a number over 0, to 3600", argument);
    }
    return 0;
  case ARGP_KEY_ARG: argp_error(state, "no argument is expected, '%s' is one", argument); return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

int ag_command_bench(int argc, char **argv)
{
  static const struct argp argp = {options, parse, NULL, documentation, NULL, NULL, NULL};
  ag_bench_request request = {.model = "base",
                              .instructions = "auto",
                              .convolution = "auto",
                              .shard = 32,
                              .batch = 128,
                              .seconds = 2};
  ag_text text = {0};
  int provided = 0;
  int rank = 0;
  ag_command_parse(&argp, argc, argv, &request);
  MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  ag_status status = ag_bench(&request, MPI_COMM_WORLD, &text);
  if (status == AG_OK && rank == 0) status = ag_command_print(&text);
  ag_ranks_say_failure(status, rank);
  const int code = ag_ranks_exit_code(status);
  ag_text_clear(&text);
  MPI_Finalize();
  return code;
}
