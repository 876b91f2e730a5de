/* The thread pool: which thread takes which item, whose failure is returned, and that nothing is
 * lost or done twice over many rounds. */
#include "support/fixture.h"

#include <pthread.h>

enum { ITEMS_MAXIMUM = 100, THREADS_MAXIMUM = 8 };

typedef struct record {
  size_t times[ITEMS_MAXIMUM];
  size_t thread[ITEMS_MAXIMUM];
  pthread_t handle[ITEMS_MAXIMUM];
  size_t turns[THREADS_MAXIMUM]; /* items a thread has done; each thread writes its own */
  size_t turn[ITEMS_MAXIMUM];
  bool fails[ITEMS_MAXIMUM];
  size_t between;
  pthread_t caller;
  bool between_elsewhere;
} record;

static ag_status take(void *context, size_t item, size_t thread)
{
  record *all = context;
  ++all->times[item];
  all->thread[item] = thread;
  all->handle[item] = pthread_self();
  all->turn[item] = all->turns[thread]++;
  if (all->fails[item]) return ag_fail(AG_NOT_FINITE, "item %zu failed", item);
  return AG_OK;
}

static void count_between(void *context)
{
  record *all = context;
  ++all->between;
  if (!pthread_equal(all->caller, pthread_self())) all->between_elsewhere = true;
}

static void items_go_round_the_threads(void **state)
{
  (void)state;
  const size_t counts[] = {0, 1, 2, 3, 7, ITEMS_MAXIMUM};
  for (size_t threads = 1; threads <= 5; ++threads) {
    ag_pool *pool = NULL;
    assert_int_equal(ag_pool_create(threads, &pool), AG_OK);
    assert_int_equal(ag_pool_threads(pool), threads);
    for (size_t index = 0; index < sizeof counts / sizeof *counts; ++index) {
      const size_t count = counts[index];
      record all = {.caller = pthread_self()};
      assert_int_equal(ag_pool_run(pool, count, take, count_between, &all), AG_OK);
      for (size_t i = 0; i < count; ++i) {
        assert_int_equal(all.times[i], 1);
        assert_int_equal(all.thread[i], i % threads);
        assert_int_equal(all.turn[i], i / threads); /* in order within a thread */
        const size_t first = i % threads;
        assert_true(pthread_equal(all.handle[i], all.handle[first]) != 0);
        assert_int_equal(pthread_equal(all.handle[i], all.caller) != 0, first == 0);
      }
      /* After each item of the caller, and nowhere else. */
      assert_int_equal(all.between, (count + threads - 1) / threads);
      assert_false(all.between_elsewhere);
    }
    ag_pool_destroy(&pool);
    assert_null(pool);
  }
}

static void lowest_failure_is_returned(void **state)
{
  (void)state;
  const size_t failing[][3] = {{5, 40, 41}, {40, 5, 6}, {99, 98, 97}, {3, 4, 2}, {1, 0, 7}};
  for (size_t threads = 1; threads <= 4; ++threads) {
    ag_pool *pool = NULL;
    assert_int_equal(ag_pool_create(threads, &pool), AG_OK);
    for (size_t index = 0; index < sizeof failing / sizeof *failing; ++index) {
      record all = {.caller = pthread_self()};
      size_t lowest = ITEMS_MAXIMUM;
      char expected[32];
      for (size_t i = 0; i < 3; ++i) {
        all.fails[failing[index][i]] = true;
        if (failing[index][i] < lowest) lowest = failing[index][i];
      }
      snprintf(expected, sizeof expected, "item %zu failed", lowest);
      ag_fail(AG_BAD_JOB, "an older message of the caller");
      assert_int_equal(ag_pool_run(pool, ITEMS_MAXIMUM, take, NULL, &all), AG_NOT_FINITE);
      assert_string_equal(ag_message(), expected);
      /* The items before it are done, and no item twice. */
      for (size_t i = 0; i < ITEMS_MAXIMUM; ++i)
        assert_true(all.times[i] == 1 || (i > lowest && all.times[i] == 0));
    }
    /* The next round knows nothing of it. */
    record clean = {.caller = pthread_self()};
    assert_int_equal(ag_pool_run(pool, 3, take, NULL, &clean), AG_OK);
    assert_int_equal(ag_pool_run(pool, 0, take, NULL, &clean), AG_OK);
    ag_pool_destroy(&pool);
  }
}

typedef struct sums {
  size_t round;
  uint64_t by_thread[THREADS_MAXIMUM][AG_ALIGNMENT / sizeof(uint64_t)];
} sums;

static ag_status add(void *context, size_t item, size_t thread)
{
  sums *all = context;
  all->by_thread[thread][0] += all->round * 1000 + item;
  return AG_OK;
}

/* What a thread writes in a round is seen by the caller after it, round for round. */
static void rounds_are_complete(void **state)
{
  (void)state;
  enum { THREADS = 4, ROUNDS = 3000 };
  ag_pool *pool = NULL;
  sums all = {0};
  uint64_t expected = 0;
  assert_int_equal(ag_pool_create(THREADS, &pool), AG_OK);
  for (size_t round = 0; round < ROUNDS; ++round) {
    const size_t count = round % 11;
    uint64_t total = 0;
    all.round = round;
    assert_int_equal(ag_pool_run(pool, count, add, NULL, &all), AG_OK);
    for (size_t i = 0; i < count; ++i)
      expected += round * 1000 + i;
    for (size_t i = 0; i < THREADS; ++i)
      total += all.by_thread[i][0];
    assert_int_equal(total, expected);
  }
  ag_pool_destroy(&pool);
}

static void pools_leave_nothing(void **state)
{
  (void)state;
  const size_t blocks = ag_live_blocks();
  ag_pool *pool = NULL;
  assert_int_equal(ag_pool_create(0, &pool), AG_INVALID_ARGUMENT);
  assert_null(pool);
  for (size_t i = 1; i <= THREADS_MAXIMUM; ++i) {
    assert_int_equal(ag_pool_create(i, &pool), AG_OK);
    ag_pool_destroy(&pool); /* without ever having run */
  }
  ag_pool_destroy(&pool); /* NULL by now */
  assert_int_equal(ag_live_blocks(), blocks);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(items_go_round_the_threads),
      cmocka_unit_test(lowest_failure_is_returned),
      cmocka_unit_test(rounds_are_complete),
      cmocka_unit_test(pools_leave_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
