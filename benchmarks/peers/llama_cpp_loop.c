// The least that a decode loop over llama.h can be, as llama-bench's: hand over, synchronise, go on. No choice, no stamp a
// token. Called on the very context that the harness measures in.
#include <stdint.h>
#include <time.h>

#include "llama.h"

static clockid_t used = CLOCK_MONOTONIC;

// Processor time of the process instead of time: for one thread on a busy machine.
void loop_use_processor_time(void) {
    used = CLOCK_PROCESS_CPUTIME_ID;
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(used, &t);
    return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

// The library that this loop calls: it must be the one of the context.
void * loop_engine(void) {
    return (void *) llama_decode;
}

// `prompt` at once (none: 0), then `count` ids one by one; times_ns: start, end of the prompt, end. Not 0: llama_decode's code.
int loop_run(struct llama_context * ctx, llama_token * prompt, int32_t prompt_count, llama_token * ids, int32_t count,
             int64_t * times_ns) {
    llama_memory_clear(llama_get_memory(ctx), false);
    llama_perf_context_reset(ctx);
    times_ns[0] = now_ns();
    if (prompt_count) {
        int code = llama_decode(ctx, llama_batch_get_one(prompt, prompt_count));
        if (code) {
            return code;
        }
        llama_synchronize(ctx);
    }
    times_ns[1] = now_ns();
    for (int32_t i = 0; i < count; i++) {
        int code = llama_decode(ctx, llama_batch_get_one(ids + i, 1));
        if (code) {
            return code;
        }
        llama_synchronize(ctx);
    }
    times_ns[2] = now_ns();
    return 0;
}

// For loop_cost.py: what the harness calls in place of the engine, so that its own loop alone is left.
int32_t loop_no_decode(struct llama_context * ctx, struct llama_batch batch) {
    (void) ctx;
    (void) batch;
    return 0;
}

void loop_no_synchronize(struct llama_context * ctx) {
    (void) ctx;
}
