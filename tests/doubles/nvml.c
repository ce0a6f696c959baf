/* A stand-in for libnvidia-ml.so.1 behind the real nvidia-ml-py: one device whose counters grow with the clock.
 * Environment: NVML_DOUBLE_REASONS (clock event reasons), NVML_DOUBLE_STRANGER (a process id), NVML_DOUBLE_POWER_MW,
 * NVML_DOUBLE_BROKEN (nvmlInit fails, as without a driver). Structures are those of nvml.h. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef int R;
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned int version, pad; unsigned long long total, reserved, free, used; } Memory2;
typedef struct { unsigned long long referenceTime, violationTime; } Violation;
typedef struct { unsigned int pid; unsigned long long used; unsigned int gi, ci; } Process;

static long number(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text ? strtol(text, 0, 0) : otherwise;
}
static unsigned long long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (unsigned long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
static int device;

const char *nvmlErrorString(R r) { (void)r; return "double: not supported"; }
R nvmlInit_v2(void) { return getenv("NVML_DOUBLE_BROKEN") ? 9 : 0; }
R nvmlInitWithFlags(unsigned int f) { (void)f; return nvmlInit_v2(); }
R nvmlShutdown(void) { return 0; }
R nvmlSystemGetDriverVersion(char *v, unsigned int n) { strncpy(v, "999.10", n); return 0; }
R nvmlDeviceGetCount_v2(unsigned int *n) { *n = 1; return 0; }
R nvmlDeviceGetHandleByIndex_v2(unsigned int i, void **h) { if (i) return 2; *h = &device; return 0; }
R nvmlDeviceGetName(void *h, char *v, unsigned int n) { (void)h; strncpy(v, "Double GPU", n); return 0; }
R nvmlDeviceGetMemoryInfo(void *h, Memory *m) { (void)h; m->total = 8ull << 30; m->used = 3ull << 30; m->free = 5ull << 30; return 0; }
R nvmlDeviceGetMemoryInfo_v2(void *h, Memory2 *m) { (void)h; m->total = 8ull << 30; m->used = 3ull << 30; m->free = 5ull << 30; return 0; }
R nvmlDeviceGetClockInfo(void *h, int kind, unsigned int *mhz) { (void)h; *mhz = kind == 2 ? 9000 : 1500; return 0; }
R nvmlDeviceGetTemperature(void *h, int kind, unsigned int *c) { (void)h; (void)kind; *c = 61; return 0; }
typedef struct { unsigned int version; int sensor; int temperature; } Temperature;
R nvmlDeviceGetTemperatureV(void *h, Temperature *t) { (void)h; t->temperature = 61; return 0; }
R nvmlDeviceGetPowerUsage(void *h, unsigned int *mw) { (void)h; *mw = number("NVML_DOUBLE_POWER_MW", 50000); return 0; }
R nvmlDeviceGetEnforcedPowerLimit(void *h, unsigned int *mw) { (void)h; *mw = 120000; return 0; }
R nvmlDeviceGetTotalEnergyConsumption(void *h, unsigned long long *mj) {
    (void)h;
    *mj = now_ms() * number("NVML_DOUBLE_POWER_MW", 50000) / 1000;
    return 0;
}
R nvmlDeviceGetCurrentClocksEventReasons(void *h, unsigned long long *r) { (void)h; *r = number("NVML_DOUBLE_REASONS", 0); return 0; }
R nvmlDeviceGetViolationStatus(void *h, int policy, Violation *v) {
    (void)h;
    v->referenceTime = now_ms() * 1000000;
    v->violationTime = policy == 1 && (number("NVML_DOUBLE_REASONS", 0) & 0x60) ? now_ms() * 1000 : 0;
    return 0;
}
R nvmlDeviceGetEccMode(void *h, int *a, int *b) { (void)h; *a = *b = 1; return 0; }
R nvmlDeviceGetMigMode(void *h, unsigned int *a, unsigned int *b) { (void)h; *a = *b = 0; return 0; }
R nvmlDeviceGetComputeMode(void *h, int *m) { (void)h; *m = 0; return 0; }
R nvmlDeviceGetCurrPcieLinkGeneration(void *h, unsigned int *g) { (void)h; *g = 4; return 0; }
R nvmlDeviceGetCurrPcieLinkWidth(void *h, unsigned int *w) { (void)h; *w = 16; return 0; }
R nvmlDeviceGetComputeRunningProcesses_v3(void *h, unsigned int *count, Process *found) {
    (void)h;
    long pid = number("NVML_DOUBLE_STRANGER", 0), own = number("NVML_DOUBLE_OWN", 0);
    unsigned int n = (pid != 0) + (own != 0);
    if (*count < n) { *count = n; return n ? 7 : 0; }
    unsigned int i = 0;
    if (own) { found[i].pid = own; found[i].used = 1u << 20; i++; }
    if (pid) { found[i].pid = pid; found[i].used = 1u << 20; i++; }
    *count = n;
    return 0;
}
