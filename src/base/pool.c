/* The threads of a rank: the only place where work runs in parallel.
 * Work comes in numbered items (shards); item i goes to thread i mod threads. */
#include "advgrid/base.h"

#include <pthread.h>
#include <stdio.h>

enum { MESSAGE_SIZE = 1024 };

typedef struct worker {
  struct ag_pool *pool;
  pthread_t handle;
  size_t index;
} worker;

/* The first failure that a thread met, with the message of that thread. */
typedef struct failure {
  ag_status status;
  size_t item;
  char message[MESSAGE_SIZE];
} failure;

struct ag_pool {
  size_t threads;
  worker *workers;   /* [threads]; workers[0] is the caller and has no handle */
  failure *failures; /* [threads] */
  pthread_mutex_t mutex;
  pthread_cond_t begin, done;
  size_t started;    /* threads that were created, the caller included */
  size_t generation; /* counts the calls of ag_pool_run */
  size_t busy;
  bool closing;
  /* The work of this generation. */
  size_t count;
  ag_pool_work work;
  void *context;
};

static void run_share(ag_pool *pool, size_t thread, void (*between)(void *))
{
  failure *mine = &pool->failures[thread];
  mine->status = AG_OK;
  for (size_t item = thread; item < pool->count; item += pool->threads) {
    const ag_status status = pool->work(pool->context, item, thread);
    if (status != AG_OK) {
      mine->status = status;
      mine->item = item;
      snprintf(mine->message, sizeof mine->message, "%s", ag_message());
      return;
    }
    if (between != NULL) between(pool->context);
  }
}

static void *worker_main(void *argument)
{
  const worker *self = argument;
  ag_pool *pool = self->pool;
  size_t seen = 0;
  pthread_mutex_lock(&pool->mutex);
  for (;;) {
    while (pool->generation == seen && !pool->closing) {
      pthread_cond_wait(&pool->begin, &pool->mutex);
    }
    if (pool->closing) break;
    seen = pool->generation;
    pthread_mutex_unlock(&pool->mutex);
    run_share(pool, self->index, NULL);
    pthread_mutex_lock(&pool->mutex);
    if (--pool->busy == 0) pthread_cond_signal(&pool->done);
  }
  pthread_mutex_unlock(&pool->mutex);
  return NULL;
}

ag_status ag_pool_create(size_t threads, ag_pool **out)
{
  ag_status status = AG_OK;
  ag_pool *pool = NULL;
  *out = NULL;
  if (threads == 0) return ag_fail(AG_INVALID_ARGUMENT, "a thread pool needs at least one thread");
  AG_TRY(ag_allocate(1, sizeof *pool, &pool));
  pool->threads = threads;
  pool->started = 1;
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->begin, NULL);
  pthread_cond_init(&pool->done, NULL);
  *out = pool;
  AG_TRY(ag_allocate(threads, sizeof *pool->workers, &pool->workers));
  AG_TRY(ag_allocate(threads, sizeof *pool->failures, &pool->failures));
  for (size_t i = 1; i < threads; ++i) {
    pool->workers[i] = (worker){.pool = pool, .index = i};
    if (pthread_create(&pool->workers[i].handle, NULL, worker_main, &pool->workers[i]) != 0) {
      status = ag_fail(AG_OUT_OF_MEMORY, "cannot start thread %zu of %zu", i + 1, threads);
      goto cleanup;
    }
    ++pool->started;
  }
cleanup:
  if (status != AG_OK) ag_pool_destroy(out);
  return status;
}

void ag_pool_destroy(ag_pool **out)
{
  ag_pool *pool = *out;
  if (pool == NULL) return;
  pthread_mutex_lock(&pool->mutex);
  pool->closing = true;
  pthread_cond_broadcast(&pool->begin);
  pthread_mutex_unlock(&pool->mutex);
  for (size_t i = 1; i < pool->started; ++i)
    pthread_join(pool->workers[i].handle, NULL);
  pthread_cond_destroy(&pool->done);
  pthread_cond_destroy(&pool->begin);
  pthread_mutex_destroy(&pool->mutex);
  ag_release(&pool->failures);
  ag_release(&pool->workers);
  ag_release(out);
}

size_t ag_pool_threads(const ag_pool *pool)
{
  return pool->threads;
}

ag_status ag_pool_run(ag_pool *pool, size_t count, ag_pool_work work, void (*between)(void *),
                      void *context)
{
  pthread_mutex_lock(&pool->mutex);
  pool->count = count;
  pool->work = work;
  pool->context = context;
  pool->busy = pool->threads - 1;
  ++pool->generation;
  pthread_cond_broadcast(&pool->begin);
  pthread_mutex_unlock(&pool->mutex);

  run_share(pool, 0, between);

  pthread_mutex_lock(&pool->mutex);
  while (pool->busy > 0)
    pthread_cond_wait(&pool->done, &pool->mutex);
  pthread_mutex_unlock(&pool->mutex);

  const failure *first = NULL;
  for (size_t i = 0; i < pool->threads; ++i) {
    const failure *candidate = &pool->failures[i];
    if (candidate->status != AG_OK && (first == NULL || candidate->item < first->item)) {
      first = candidate;
    }
  }
  return first == NULL ? AG_OK : ag_fail(first->status, "%s", first->message);
}
