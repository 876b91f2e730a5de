/* advgrid/base.h: what every layer stands on.
 * Status and messages, memory, counter-based random numbers, clock, log, files,
 * digests, the thread pool, and the settings that a job may give to a table's row. */
#ifndef ADVGRID_BASE_H
#define ADVGRID_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- status ------------------------------------------------------------- */

/* One row per kind of failure: name, what it means, the program's exit code. */
#define AG_STATUS_TABLE(ROW)                               \
  ROW(AG_OK, "success", 0)                                 \
  ROW(AG_INVALID_ARGUMENT, "invalid argument", 2)          \
  ROW(AG_BAD_JOB, "invalid job file", 2)                   \
  ROW(AG_BAD_DATA, "invalid data file", 2)                 \
  ROW(AG_BAD_MODEL, "invalid model file", 2)               \
  ROW(AG_OUT_OF_MEMORY, "out of memory", 1)                \
  ROW(AG_IO_ERROR, "input or output failed", 1)            \
  ROW(AG_BAD_STORE, "damaged result folder", 1)            \
  ROW(AG_NOT_FINITE, "a value is not finite", 1)           \
  ROW(AG_BOUND_BROKEN, "a perturbation left its bound", 1) \
  ROW(AG_HDF5_FAILED, "HDF5 failed", 1)                    \
  ROW(AG_ELSEWHERE, "another rank failed", 1)              \
  ROW(AG_UNITS_FAILED, "some units failed", 1)             \
  ROW(AG_GATES_FAILED, "a sanity gate failed", 1)          \
  ROW(AG_INTERRUPTED, "interrupted", 85)

#define AG_STATUS_NAME(name, text, code) name,
typedef enum ag_status { AG_STATUS_TABLE(AG_STATUS_NAME) AG_STATUS_COUNT } ag_status;
#undef AG_STATUS_NAME

/* Goes to the function's one `cleanup:` label with `status` set where call fails. */
#define AG_TRY(call)                   \
  do {                                 \
    status = (call);                   \
    if (status != AG_OK) goto cleanup; \
  } while (0)

/** Records the calling thread's message, printf-like, and returns `status`. */
ag_status ag_fail(ag_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Prepends "context: " to the calling thread's message; returns `status`, so
 *  that a caller who knows the file or the unit may add it. */
ag_status ag_fail_within(ag_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** The calling thread's last message; never NULL. Borrowed until the next failure. */
const char *ag_message(void);
/** What the status means in general; static text. */
const char *ag_status_text(ag_status status);
int ag_status_exit_code(ag_status status);

/* ---- interruption --------------------------------------------------------- */

/** From now on SIGTERM, SIGINT and SIGUSR1 ask the program to stop where it can go on later. */
void ag_interrupt_listen(void);
/** Asks for the same: another rank was told. */
void ag_interrupt_request(void);
/** Whether the program was asked to stop: what takes long looks now and then, and fails with
 *  AG_INTERRUPTED. */
bool ag_interrupted(void);
/** The same as a status: AG_OK, or AG_INTERRUPTED with its message. */
ag_status ag_interrupt_check(void);

/* ---- memory ------------------------------------------------------------- */

enum { AG_ALIGNMENT = 64 };

/** Allocates count * size bytes, zeroed, aligned to AG_ALIGNMENT; the product is
 *  checked. *block: owned by the caller, freed by ag_release. Fails with
 *  AG_OUT_OF_MEMORY, and then *block is NULL. */
ag_status ag_allocate(size_t count, size_t size, void *block);

/** Frees what *block points at and sets *block to NULL; accepts NULL there. */
void ag_release(void *block);

/** Blocks and bytes allocated and not yet released, for leak tests and reports. */
size_t ag_live_blocks(void);
size_t ag_live_bytes(void);

static inline size_t ag_minimum(size_t a, size_t b)
{
  return a < b ? a : b;
}
static inline size_t ag_maximum(size_t a, size_t b)
{
  return a > b ? a : b;
}

/** How many runs of at most `by` make up `count`. by > 0. */
static inline size_t ag_divide_up(size_t count, size_t by)
{
  return (count + by - 1) / by;
}

/** Rounds count up to a multiple of unit (> 0). */
static inline size_t ag_round_up(size_t count, size_t unit)
{
  return (count + unit - 1) / unit * unit;
}

/* ---- random numbers ------------------------------------------------------ */

/* What a stream of random numbers is for: streams of different purposes never
 * meet. Stored results depend on these values: append, never renumber. */
typedef enum ag_purpose {
  AG_PURPOSE_INITIALISATION = 1,
  AG_PURPOSE_ORDER = 2,
  AG_PURPOSE_AUGMENTATION = 3,
  AG_PURPOSE_DROPOUT = 4,
  AG_PURPOSE_ATTACK = 5,
  AG_PURPOSE_NOISE = 6,
  AG_PURPOSE_SYNTHETIC = 7,
  AG_PURPOSE_TEST = 8,
  AG_PURPOSE_ADVERSARIAL = 9, /* starts of attacks on what is learnt */
  AG_PURPOSE_REFERENCES = 12
} ag_purpose;

/* Steps that a stream can be keyed by. */
enum { AG_STEPS_MAXIMUM = 1 << 24 };

/* A stream of Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as
 * easy as 1, 2, 3"). It depends on its four keys alone: never on rank, thread or
 * the order of calls. Plain value: copy and drop it freely. */
typedef struct ag_random {
  uint32_t key[2];
  uint32_t counter[4];
  uint32_t block[4];
  uint32_t used;
} ag_random;

/** The stream of (seed, purpose, sample, step); purpose < 256, step < AG_STEPS_MAXIMUM. */
ag_random ag_random_stream(uint64_t seed, ag_purpose purpose, uint32_t sample, uint32_t step);
uint32_t ag_random_bits(ag_random *random);
/** Uniform in [0, 1) with 24 bits. */
float ag_random_uniform(ag_random *random);
/** Uniform in 0 .. bound-1 without bias (Lemire 2019); bound > 0. */
uint32_t ag_random_below(ag_random *random, uint32_t bound);
/** Two draws of N(0, 1) by Box and Muller (1958): sqrt(-2 log(1 - u)) (cos, sin)(2 pi w), within
 *  4 units in the last place, and the same bits on any machine. */
void ag_random_normals(ag_random *random, float out[2]);
/** What `count` calls of ag_random_bits or of ag_random_uniform give, and the state they leave,
 *  several times faster. Overwritten. */
void ag_random_fill_bits(ag_random *random, size_t count, uint32_t *bits);
void ag_random_fill_uniform(ag_random *random, size_t count, float *values);
/** What count / 2 calls of ag_random_normals give; where count is odd, the first half of one
 *  more. Overwritten. */
void ag_random_fill_normal(ag_random *random, size_t count, float *values);
/** order: 0 .. count-1 shuffled by Fisher and Yates. Overwritten. */
void ag_random_permutation(ag_random *random, size_t count, uint32_t *order);

/* ---- clock and log ------------------------------------------------------- */

double ag_clock_seconds(void); /* monotonic, seconds */

enum { AG_TIMESTAMP_SIZE = 24 };
/** Writes the time of day, "2026-01-31T12:00:00Z", terminated. */
void ag_clock_timestamp(char out[AG_TIMESTAMP_SIZE]);

/** One line on stderr, "advgrid: " and the text. */
void ag_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- files --------------------------------------------------------------- */

/** Reads a whole file and appends a zero byte that *size does not count.
 *  *text: owned by the caller, freed by ag_release. Fails with AG_IO_ERROR, naming the path. */
ag_status ag_file_read(const char *path, char **text, size_t *size);
/** Replaces path by the bytes given, whole or not at all: a temporary file beside
 *  it, fsync, rename, fsync of the folder. */
ag_status ag_file_write(const char *path, const void *bytes, size_t size);
/** The last two steps of that for a file written by other means. */
ag_status ag_file_replace(const char *temporary, const char *path);
/** Creates the folder and those above it; one that is there is success. */
ag_status ag_folder_create(const char *path);
/** Removes a folder with all that is in it; links are removed, not followed. */
ag_status ag_folder_remove(const char *path);
/** Makes the names in a folder survive a power cut. */
ag_status ag_folder_synchronise(const char *path);
bool ag_file_exists(const char *path);
/** printf-like into out[size]; AG_INVALID_ARGUMENT where it does not fit. */
ag_status ag_path_join(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum { AG_PATH_SIZE = 4096 };

/* ---- text ----------------------------------------------------------------- */

/* A string that grows; start it as {0}. The bytes are owned by the value and freed
 * by ag_text_clear. After a failed append all later ones fail too. */
typedef struct ag_text {
  char *bytes;
  size_t length, capacity;
} ag_text;

ag_status ag_text_append(ag_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void ag_text_clear(ag_text *text);

/* One or several: ag_plural(n, "", "s"). */
static inline const char *ag_plural(size_t count, const char *one, const char *more)
{
  return count == 1 ? one : more;
}

/** Copies text of unknown origin as valid UTF-8: bytes that are none, and marks that turn the
 * text's direction, become U+FFFD, control characters but new lines blanks. out: 3 * size + 1
 * bytes, overwritten, ended by a zero. Returns its length. */
size_t ag_utf8_clean(const char *bytes, size_t size, char *out);
/** The bytes of the first so many characters of valid UTF-8, at most all. */
size_t ag_utf8_clip(const char *text, size_t characters);
/** Where its last so many characters start. */
size_t ag_utf8_tail(const char *text, size_t characters);

/** The candidate nearest to word by edit distance, or NULL where none is near
 *  enough to be a slip of the finger. candidates[count]: borrowed. */
const char *ag_text_nearest(const char *word, const char *const *candidates, size_t count);

/* ---- other programs --------------------------------------------------------- */

/* Of what a program writes to one stream, so many bytes are kept. */
enum { AG_PROGRAM_OUTPUT_MAXIMUM = 1 << 20 };

/* What a program left behind. */
typedef struct ag_program {
  int code;               /* its exit code, or 128 + the signal that ended it */
  ag_text output, errors; /* of stdout and stderr: printable ASCII, tabs and newlines, any other
                             byte as '?'; never NULL after success */
} ag_program;

/** Runs arguments[0], looked for in PATH where it has no '/', with the arguments, which NULL ends;
 *  no shell reads them, and its stdin is empty. Waits until it ends, at most `seconds`: then it is
 *  killed with what it has started, as it is where SIGINT, SIGTERM or SIGHUP comes meanwhile.
 *  An exit code other than 0 is success. program: overwritten, freed by ag_program_clear; nothing
 *  to free on failure. Fails with AG_IO_ERROR ("X is not in PATH", "X gave no answer within 5 s"),
 *  AG_INTERRUPTED or AG_OUT_OF_MEMORY. Not for ranks under MPI, some of which must not fork. */
ag_status ag_program_run(const char *const *arguments, double seconds, ag_program *program);
/** The same in a folder; NULL: this one. */
ag_status ag_program_run_in(const char *folder, const char *const *arguments, double seconds,
                            ag_program *program);
void ag_program_clear(ag_program *program);

/* ---- digests -------------------------------------------------------------- */

enum { AG_DIGEST_SIZE = 32, AG_DIGEST_TEXT_SIZE = 65 };
typedef struct ag_digest {
  uint8_t bytes[AG_DIGEST_SIZE];
} ag_digest;

/** SHA-256 (FIPS 180-4). */
ag_status ag_digest_compute(const void *bytes, size_t size, ag_digest *digest);
void ag_digest_text(const ag_digest *digest, char out[AG_DIGEST_TEXT_SIZE]);
/** Reads what ag_digest_text wrote; false where text is not that. */
bool ag_digest_read(const char *text, ag_digest *digest);

/* ---- thread pool ----------------------------------------------------------- */

typedef struct ag_pool ag_pool;

/** Starts threads - 1 threads; the caller is the first. threads >= 1. */
ag_status ag_pool_create(size_t threads, ag_pool **pool);
void ag_pool_destroy(ag_pool **pool);
size_t ag_pool_threads(const ag_pool *pool);

/** One item of a pool's work: `thread` is 0 .. threads-1, and item i always goes to
 *  thread i mod threads, so that sums kept per thread have one order. */
typedef ag_status (*ag_pool_work)(void *context, size_t item, size_t thread);

/** Runs work for items 0 .. count-1 and waits for all. Thread 0 is the caller, and
 *  alone calls `between(context)` after each of its items, where MPI may be polled;
 *  between may be NULL. Returns the failure of the lowest failing item, with its message. */
ag_status ag_pool_run(ag_pool *pool, size_t count, ag_pool_work work, void (*between)(void *),
                      void *context);

/* ---- settings -------------------------------------------------------------- */

/* What a job may set on a row of a table (an attack, a defense, ...). The row lists
 * its options; the job file, its checks, its printing and its keys follow from that. */
typedef enum ag_option_type {
  AG_OPTION_NUMBER, /* 0.5, 5e-4 or a fraction "8/255" */
  AG_OPTION_COUNT,  /* a whole number */
  AG_OPTION_FLAG,   /* true or false */
  AG_OPTION_WORD,   /* one of `words` */
  AG_OPTION_TEXT    /* a name or a path */
} ag_option_type;

typedef struct ag_option {
  const char *name; /* NULL ends a list */
  ag_option_type type;
  /* Came when results were stored already: as long as it has its initial value, which must do what
   * was done before, keys leave it out, so that finished work is known again. */
  bool late;
  const char *initial;     /* as a job would write it; NULL: the job must give it */
  double minimum, maximum; /* of a number or a count, both allowed */
  const char *const
      *words;       /* of a word, ended by NULL; of a number, NULL or one that stands for 0 */
  const char *help; /* one line */
} ag_option;

/** Whether its value is the text itself and no number. */
static inline bool ag_option_is_text(const ag_option *option)
{
  return option->type == AG_OPTION_WORD || option->type == AG_OPTION_TEXT;
}

typedef struct ag_kind {
  const char *name;         /* as in `kind: name` */
  const char *help;         /* one line */
  const ag_option *options; /* ended by a NULL name; NULL: none */
} ag_kind;

/** Row `index` of a table of kinds, NULL after the last. */
typedef const ag_kind *(*ag_kind_table)(size_t index);

enum { AG_OPTIONS_MAXIMUM = 16, AG_NAME_SIZE = 64, AG_VALUE_SIZE = 256 };

/* Values for the options of one list; plain value. */
typedef struct ag_settings {
  const ag_option *options; /* borrowed, static */
  double numbers[AG_OPTIONS_MAXIMUM];
  char texts[AG_OPTIONS_MAXIMUM][AG_VALUE_SIZE]; /* as written; empty: not given */
} ag_settings;

/** Fills in the defaults. */
void ag_settings_start(ag_settings *settings, const ag_option *options);
/** Sets one option from its text; fails with AG_BAD_JOB and a message that says what was
 *  expected (and the nearest option, where the name is unknown). */
ag_status ag_settings_set(ag_settings *settings, const char *name, const char *text);
/** Fails with AG_BAD_JOB where an option without default was not set. */
ag_status ag_settings_check(const ag_settings *settings);
/* The value of an option, which must be on the list and of that type (asserted). */
double ag_settings_number(const ag_settings *settings, const char *name);
size_t ag_settings_count(const ag_settings *settings, const char *name);
bool ag_settings_flag(const ag_settings *settings, const char *name);
const char *ag_settings_word(const ag_settings *settings, const char *name);
bool ag_settings_has(const ag_settings *settings, const char *name);
/** True where option i of one list has the same value in two settings, however it is written. */
bool ag_value_is_same(const ag_settings *one, const ag_settings *other, size_t i);

/** Reads "0.1", "5e-4" or "8/255"; fails with AG_BAD_JOB on anything else, on a
 *  zero denominator and on what is not finite. */
ag_status ag_number_read(const char *text, double *value);

/* A row and the values a job gives it: `{kind: pgd, name: pgd-20, steps: 20}`. */
typedef struct ag_entry {
  const ag_kind *kind; /* borrowed, static */
  char name[AG_NAME_SIZE];
  ag_settings settings;
} ag_entry;

/** An entry of `kind` with its defaults, named after it. */
void ag_entry_start(ag_entry *entry, const ag_kind *kind);
/** The row of that name, or NULL. */
const ag_kind *ag_kind_find(ag_kind_table table, const char *name);

#endif
