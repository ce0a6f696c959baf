/* A stand-in for libnvidia-ml.so.1 behind the real nvidia-ml-py: cards whose counters grow with the clock.
 * Environment: NVML_DOUBLE_REASONS (clock event reasons), NVML_DOUBLE_STRANGER (a process id), NVML_DOUBLE_POWER_MW,
 * NVML_DOUBLE_BROKEN (nvmlInit fails, as without a driver). Structures are those of nvml.h.
 * NVML_DOUBLE_CARDS describes several: cards end with ';', fields with '|', and "-" is a field that the card does not support:
 * name|uuid|bus id|memory|used|power mW|limit mW|SM MHz|memory MHz|°C|ECC|MIG|busy %|strangers|slices
 * A slice is uuid,gpu instance,compute instance,memory,used and ends with '+'. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

typedef int R;
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned int version, pad; unsigned long long total, reserved, free, used; } Memory2;
typedef struct { unsigned long long referenceTime, violationTime; } Violation;
typedef struct { unsigned int pid; unsigned long long used; unsigned int gi, ci; } Process;
typedef struct { char legacy[16]; unsigned int domain, bus, device, id, subsystem; char bus_id[32]; } Pci;
typedef struct { unsigned int gpu, memory; } Load;
typedef struct Card { char field[15][1024]; struct Card *parent; } Card;
enum { NAME, UUID, BUS, TOTAL, USED, POWER, LIMIT, SM, MEMORY, DEGREES, ECC, MIG, BUSY, STRANGERS, SLICES };
enum { OK = 0, INVALID = 2, UNSUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7 };

static Card cards[16], slices[64];
static unsigned int count, slice_count;

static long number(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text ? strtol(text, 0, 0) : otherwise;
}
static unsigned long long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (unsigned long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
/* The text up to `end`; what follows it. */
static const char *upto(const char *text, char end, char *into, size_t room) {
    size_t n = strcspn(text, (char[]){end, 0});
    snprintf(into, room, "%.*s", (int)n, text);
    return text[n] ? text + n + 1 : text + n;
}
static void read_slices(Card *card) {
    const char *rest = card->field[SLICES];
    while (*rest && *rest != '-') {
        char text[1024];
        rest = upto(rest, '+', text, sizeof text);
        Card *one = &slices[slice_count++];
        memcpy(one, card, sizeof *one);
        one->parent = card;
        const char *part = text;
        char gi[16], ci[16];
        part = upto(part, ',', one->field[UUID], 1024);
        part = upto(part, ',', gi, sizeof gi);
        part = upto(part, ',', ci, sizeof ci);
        part = upto(part, ',', one->field[TOTAL], 1024);
        upto(part, ',', one->field[USED], 1024);
        snprintf(one->field[SLICES], 1024, "%s %s", gi, ci);
        /* What the driver tells of whole cards alone. */
        for (int f = POWER; f <= DEGREES; f++) strcpy(one->field[f], "-");
        strcpy(one->field[MIG], "-");
        strcpy(one->field[BUSY], "-");
    }
}
static void prepare(void) {
    const char *rest = getenv("NVML_DOUBLE_CARDS");
    char usual[256];
    snprintf(usual, sizeof usual, "Double GPU|GPU-d0b1e000-0000-0000-0000-000000000000|00000000:01:00.0|%llu|%llu|%ld|120000|1500|9000|61|1|0|0|-|-;",
             8ull << 30, 3ull << 30, number("NVML_DOUBLE_POWER_MW", 50000));
    if (!rest) rest = usual;
    count = slice_count = 0;
    while (*rest && count < 16) {
        char text[4096];
        rest = upto(rest, ';', text, sizeof text);
        Card *card = &cards[count++];
        const char *part = text;
        for (int f = 0; f < 15; f++) part = upto(part, '|', card->field[f], 1024);
        card->parent = 0;
        read_slices(card);
    }
}
static R ask(void *h, int field, unsigned long long *value) {
    Card *card = h;
    if (!strcmp(card->field[field], "-")) return UNSUPPORTED;
    *value = strtoull(card->field[field], 0, 0);
    return OK;
}
static R whole(void *h, int field, unsigned int *value) {
    unsigned long long found = 0;
    R r = ask(h, field, &found);
    *value = (unsigned int)found;
    return r;
}

const char *nvmlErrorString(R r) { return r == UNSUPPORTED ? "Not Supported" : "double: no such thing"; }
R nvmlInit_v2(void) { if (getenv("NVML_DOUBLE_BROKEN")) return 9; if (!count) prepare(); return OK; }
R nvmlInitWithFlags(unsigned int f) { (void)f; return nvmlInit_v2(); }
R nvmlShutdown(void) { return OK; }
R nvmlSystemGetDriverVersion(char *v, unsigned int n) { strncpy(v, "999.10", n); return OK; }
R nvmlDeviceGetCount_v2(unsigned int *n) { *n = count; return OK; }
R nvmlDeviceGetHandleByIndex_v2(unsigned int i, void **h) { if (i >= count) return INVALID; *h = &cards[i]; return OK; }
R nvmlDeviceGetHandleByUUID(const char *uuid, void **h) {
    for (unsigned int i = 0; i < count; i++) if (!strcmp(cards[i].field[UUID], uuid)) { *h = &cards[i]; return OK; }
    for (unsigned int i = 0; i < slice_count; i++) if (!strcmp(slices[i].field[UUID], uuid)) { *h = &slices[i]; return OK; }
    return NOT_FOUND;
}
static unsigned long long place(const char *text) {
    unsigned int domain = 0, bus = 0, device = 0;
    return sscanf(text, "%x:%x:%x", &domain, &bus, &device) == 3 ? ((unsigned long long)domain << 16) + (bus << 8) + device : ~0ull;
}
R nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **h) {
    for (unsigned int i = 0; i < count; i++) if (place(cards[i].field[BUS]) == place(bus)) { *h = &cards[i]; return OK; }
    return NOT_FOUND;
}
R nvmlDeviceGetUUID(void *h, char *v, unsigned int n) { snprintf(v, n, "%s", ((Card *)h)->field[UUID]); return OK; }
R nvmlDeviceGetPciInfo_v3(void *h, Pci *p) {
    Card *card = h;
    memset(p, 0, sizeof *p);
    snprintf(p->bus_id, sizeof p->bus_id, "%.31s", card->field[BUS]);
    return card->parent ? INVALID : OK;
}
R nvmlDeviceGetName(void *h, char *v, unsigned int n) { snprintf(v, n, "%s", ((Card *)h)->field[NAME]); return OK; }
R nvmlDeviceGetMemoryInfo(void *h, Memory *m) {
    R r = ask(h, TOTAL, &m->total) | ask(h, USED, &m->used);
    m->free = m->total - m->used;
    return r;
}
R nvmlDeviceGetMemoryInfo_v2(void *h, Memory2 *m) {
    R r = ask(h, TOTAL, &m->total) | ask(h, USED, &m->used);
    m->free = m->total - m->used;
    return r;
}
R nvmlDeviceGetClockInfo(void *h, int kind, unsigned int *mhz) { return whole(h, kind == 2 ? MEMORY : SM, mhz); }
R nvmlDeviceGetTemperature(void *h, int kind, unsigned int *c) { (void)kind; return whole(h, DEGREES, c); }
typedef struct { unsigned int version; int sensor; int temperature; } Temperature;
R nvmlDeviceGetTemperatureV(void *h, Temperature *t) { return whole(h, DEGREES, (unsigned int *)&t->temperature); }
R nvmlDeviceGetPowerUsage(void *h, unsigned int *mw) { return whole(h, POWER, mw); }
R nvmlDeviceGetEnforcedPowerLimit(void *h, unsigned int *mw) { return whole(h, LIMIT, mw); }
R nvmlDeviceGetTotalEnergyConsumption(void *h, unsigned long long *mj) {
    R r = ask(h, POWER, mj);
    *mj = now_ms() * *mj / 1000;
    return r;
}
R nvmlDeviceGetCurrentClocksEventReasons(void *h, unsigned long long *r) {
    if (((Card *)h)->parent) return UNSUPPORTED;
    *r = number("NVML_DOUBLE_REASONS", 0);
    return OK;
}
R nvmlDeviceGetViolationStatus(void *h, int policy, Violation *v) {
    if (((Card *)h)->parent) return UNSUPPORTED;
    v->referenceTime = now_ms() * 1000000;
    v->violationTime = policy == 1 && (number("NVML_DOUBLE_REASONS", 0) & 0x60) ? now_ms() * 1000 : 0;
    return OK;
}
R nvmlDeviceGetUtilizationRates(void *h, Load *load) { load->memory = 0; return whole(h, BUSY, &load->gpu); }
R nvmlDeviceGetEccMode(void *h, unsigned int *a, unsigned int *b) { R r = whole(h, ECC, a); *b = *a; return r; }
R nvmlDeviceGetMigMode(void *h, unsigned int *a, unsigned int *b) { R r = whole(h, MIG, a); *b = *a; return r; }
R nvmlDeviceGetMaxMigDeviceCount(void *h, unsigned int *n) { (void)h; *n = 7; return OK; }
R nvmlDeviceGetMigDeviceHandleByIndex(void *h, unsigned int i, void **m) {
    for (unsigned int s = 0; s < slice_count; s++)
        if (slices[s].parent == h && !i--) { *m = &slices[s]; return OK; }
    return NOT_FOUND;
}
R nvmlDeviceGetDeviceHandleFromMigDeviceHandle(void *m, void **h) {
    *h = ((Card *)m)->parent;
    return *h ? OK : INVALID;
}
static R instance(void *h, int which, unsigned int *id) {
    Card *card = h;
    if (!card->parent) return UNSUPPORTED;
    unsigned int found[2] = {0, 0};
    sscanf(card->field[SLICES], "%u %u", &found[0], &found[1]);
    *id = found[which];
    return OK;
}
R nvmlDeviceGetGpuInstanceId(void *h, unsigned int *id) { return instance(h, 0, id); }
R nvmlDeviceGetComputeInstanceId(void *h, unsigned int *id) { return instance(h, 1, id); }
R nvmlDeviceGetComputeMode(void *h, int *m) { (void)h; *m = 0; return OK; }
R nvmlDeviceGetCurrPcieLinkGeneration(void *h, unsigned int *g) { (void)h; *g = 4; return OK; }
R nvmlDeviceGetCurrPcieLinkWidth(void *h, unsigned int *w) { (void)h; *w = 16; return OK; }
R nvmlDeviceGetComputeRunningProcesses_v3(void *h, unsigned int *room, Process *found) {
    Card *card = h;
    long own = number("NVML_DOUBLE_OWN", 0), pids[9];
    unsigned int n = 0;
    if (own) pids[n++] = own;
    if (number("NVML_DOUBLE_STRANGER", 0)) pids[n++] = number("NVML_DOUBLE_STRANGER", 0);
    if (!card->parent && strcmp(card->field[STRANGERS], "-"))
        for (long i = strtol(card->field[STRANGERS], 0, 0); i > 0 && n < 9; i--) pids[n++] = 9000 + i;
    if (*room < n) { *room = n; return n ? TOO_SMALL : OK; }
    for (unsigned int i = 0; i < n; i++) { found[i].pid = pids[i]; found[i].used = 1u << 20; }
    *room = n;
    return OK;
}
