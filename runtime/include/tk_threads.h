/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_THREADS_H
#define TK_THREADS_H

#include "tk.h"

/* Work in independent pieces. Define TK_THREADS as the number of threads, with POSIX threads to link, and they share it:
 * they start with the first call, wait for the next one, and end with the program. Calls come from one thread at a time.
 * Without TK_THREADS the caller does it all. */

typedef void tk_pieces(const void *what, int32_t first, int32_t end);

#if defined(TK_THREADS) && TK_THREADS > 1
#include <pthread.h>

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t start, done;
    tk_pieces *pieces;
    const void *what;
    int32_t count, next, left; /* pieces, the next one nobody has, and those not done */
    int started;
} tk_pool;

static tk_pool tk_the_pool TK_UNUSED = {
    PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, 0, 0, 0};

/* Take pieces until none is left; the lock is held on entry and on return. */
TK_INLINE void tk_take_pieces(tk_pool *pool) {
    const int32_t share = tk_max(1, pool->count / (4 * TK_THREADS));
    while (pool->next < pool->count) {
        const int32_t first = pool->next, end = tk_min(pool->count, first + share);
        pool->next = end;
        pthread_mutex_unlock(&pool->lock);
        pool->pieces(pool->what, first, end);
        pthread_mutex_lock(&pool->lock);
        pool->left -= end - first;
    }
    if (!pool->left) pthread_cond_signal(&pool->done);
}

static TK_UNUSED void *tk_worker(void *argument) {
    tk_pool *const pool = (tk_pool *)argument;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->next >= pool->count) pthread_cond_wait(&pool->start, &pool->lock);
        tk_take_pieces(pool);
    }
    return 0;
}

static TK_NOINLINE TK_UNUSED void tk_in_threads(tk_pieces *pieces, const void *what, int32_t count) {
    tk_pool *const pool = &tk_the_pool;
    if (count < 2) {
        pieces(what, 0, count);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    while (pool->started < TK_THREADS - 1) {
        pthread_t thread;
        if (pthread_create(&thread, 0, tk_worker, pool))
            break; /* fewer then: the caller takes what is left */
        pthread_detach(thread);
        ++pool->started;
    }
    pool->pieces = pieces;
    pool->what = what;
    pool->count = pool->left = count;
    pool->next = 0;
    pthread_cond_broadcast(&pool->start);
    tk_take_pieces(pool);
    while (pool->left) pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}
#else
TK_INLINE void tk_in_threads(tk_pieces *pieces, const void *what, int32_t count) { pieces(what, 0, count); }
#endif

#endif
