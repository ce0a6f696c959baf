/* A stand-in for libnvidia-ml.so.1 that says what a driver says before anything is built: NVML_DRIVER (570.86), NVML_CUDA (12080
 * is CUDA 12.8), NVML_GPUS (name=major.minor, several with ';'). Without NVML_DRIVER no driver answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int R;
enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, UNSUPPORTED = 3, NO_DRIVER = 9 };

/* The text of card `index`, its name ending at '='; 0 where there is none. */
static const char *card(unsigned int index) {
    const char *text = getenv("NVML_GPUS");
    for (; text && *text && index; index--) {
        text = strchr(text, ';');
        text = text ? text + 1 : 0;
    }
    return text && *text ? text : 0;
}
static R put(char *into, unsigned int room, const char *text, int length) {
    snprintf(into, room, "%.*s", length, text);
    return OK;
}

const char *nvmlErrorString(R r) { return r == NO_DRIVER ? "Driver Not Loaded" : "double: not supported"; }
R nvmlInit_v2(void) { return getenv("NVML_DRIVER") ? OK : NO_DRIVER; }
R nvmlInitWithFlags(unsigned int flags) { (void)flags; return nvmlInit_v2(); }
R nvmlShutdown(void) { return OK; }
R nvmlSystemGetDriverVersion(char *into, unsigned int room) { return put(into, room, getenv("NVML_DRIVER"), 80); }
R nvmlSystemGetCudaDriverVersion(int *version) {
    const char *text = getenv("NVML_CUDA");
    if (!text) return UNSUPPORTED;
    *version = atoi(text);
    return OK;
}
R nvmlDeviceGetCount_v2(unsigned int *count) {
    for (*count = 0; card(*count); (*count)++) {}
    return OK;
}
R nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **handle) {
    *handle = (void *)card(index);
    return *handle ? OK : INVALID;
}
R nvmlDeviceGetName(void *handle, char *into, unsigned int room) { return put(into, room, handle, (int)strcspn(handle, "=")); }
R nvmlDeviceGetCudaComputeCapability(void *handle, int *major, int *minor) {
    const char *text = strchr(handle, '=');
    return text && sscanf(text, "=%d.%d", major, minor) == 2 ? OK : UNSUPPORTED;
}
