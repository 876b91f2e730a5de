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
    "  mpirun -n 2 advgrid bench --threads 1 --json > bench.json\n"
    "\n"
    "With --scaling it measures instead how training scales from 1 to 2, 4 ... and all ranks, clean"
    " and adversarial (PGD of seven steps), with the batch over all ranks (strong scaling) and with"
    " as many images a rank (weak); how much of a step is computed, waited for messages or idled;"
    " and the latency and bandwidth of messages. -o keeps the machine for plan --machine.\n"
    "\n"
    "  mpirun -n 2 advgrid bench --scaling -o machine.yaml\n";

enum { SCALING = 256 }; /* an option without a letter */

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "print JSON", 0},
    {"model", 'm', "NAME", 0, "an architecture as a job names it (default: base)", 0},
    {"instructions", 'i', "NAME", 0, "avx512, avx2, baseline (default: auto, the widest)", 0},
    {"convolution", 'c', "NAME", 0, "winograd, im2col (default: auto, the fastest)", 0},
    {"threads", 't', "N", 0, "most threads of a rank (default: its share of the node's cores)", 0},
    {"shard", 's', "N", 0, "images a thread takes at once (default: 32)", 0},
    {"batch", 'b', "N", 0, "images of a training step, over all ranks (default: 128)", 0},
    {"seconds", 'S', "T", 0, "seconds of each measurement, about (default: 2)", 0},
    {"scaling", SCALING, NULL, 0, "measure how training scales over the ranks", 0},
    {"output", 'o', "FILE", 0, "with --scaling: write the machine as YAML", 0},
    {0},
};

typedef struct bench_input {
  ag_bench_request request;
  bool scaling;
  const char *output; /* NULL: no machine is wanted */
} bench_input;

static error_t parse(int key, char *argument, struct argp_state *state)
{
  bench_input *input = state->input;
  ag_bench_request *request = &input->request;
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
  case SCALING: input->scaling = true; return 0;
  case 'o': input->output = argument; return 0;
  case ARGP_KEY_SUCCESS:
    if (input->output != NULL && !input->scaling) {
      argp_error(state, "--output is for the machine that --scaling measures: give that too");
    }
    return 0;
  case ARGP_KEY_ARG: argp_error(state, "no argument is expected, '%s' is one", argument); return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

/* On rank 0. The report comes first: a machine that cannot be written does not lose it. */
static ag_status print(const bench_input *input, const ag_text *text, const ag_text *machine)
{
  const ag_status status = ag_command_print(text);
  if (status != AG_OK || input->output == NULL) return status;
  return ag_file_write(input->output, machine->bytes, machine->length);
}

int ag_command_bench(int argc, char **argv)
{
  static const struct argp argp = {options, parse, NULL, documentation, NULL, NULL, NULL};
  bench_input input = {.request = {.model = "base",
                                   .instructions = "auto",
                                   .convolution = "auto",
                                   .shard = 32,
                                   .batch = 128,
                                   .seconds = 2}};
  ag_text text = {0};
  ag_text machine = {0};
  int provided = 0;
  int rank = 0;
  ag_command_parse(&argp, argc, argv, &input);
  MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  ag_status status = AG_OK;
  if (input.scaling) {
    status = ag_bench_scaling(&input.request, MPI_COMM_WORLD, &text,
                              input.output != NULL ? &machine : NULL);
  } else {
    status = ag_bench(&input.request, MPI_COMM_WORLD, &text);
  }
  if (status == AG_OK && rank == 0) status = print(&input, &text, &machine);
  ag_ranks_say_failure(status, rank);
  const int code = ag_ranks_exit_code(status);
  ag_text_clear(&machine);
  ag_text_clear(&text);
  MPI_Finalize();
  return code;
}
